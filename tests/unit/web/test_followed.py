from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.places import output_path
from jobsched.model import Run
from jobsched.web.followed import Followed
from tests.support.native import Native, begin, finish, native_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as made:
        yield made


def run_of(api: Native, run_id: int) -> Run:
    return api.operations.runs.get(run_id)


def write(api: Native, run: Run, suffix: str, data: bytes) -> None:
    path = Path(f"{output_path(api.settings.runs_dir, run.id, run.claim)}{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


def read(followed: Followed, run: Run) -> bytes:
    return b"".join(followed.news(run))


def test_each_byte_is_read_once(api: Native) -> None:
    run_id = api.start()
    begin(api, run_id)
    followed = Followed(api.operations)

    assert read(followed, run_of(api, run_id)) == b""
    write(api, run_of(api, run_id), ".out", b"one")
    assert read(followed, run_of(api, run_id)) == b"one"
    write(api, run_of(api, run_id), ".err", b"two")
    write(api, run_of(api, run_id), ".order", b"o3")
    assert read(followed, run_of(api, run_id)) == b"two"
    assert read(followed, run_of(api, run_id)) == b""


def test_what_is_before_the_offset_is_passed_over(api: Native) -> None:
    run_id = api.start()
    begin(api, run_id)
    followed = Followed(api.operations, offset=4)
    run = run_of(api, run_id)

    write(api, run, ".out", b"one")
    assert read(followed, run) == b""
    write(api, run, ".out", b"two")
    assert read(followed, run) == b"wo"


def test_a_short_output_comes_from_the_database(api: Native) -> None:
    run_id = api.start()
    followed = Followed(api.operations, offset=1)
    assert read(followed, run_of(api, run_id)) == b""

    finish(api, run_id, out=b"oo", err=b"e", chunks="o1e1o1")

    assert read(followed, run_of(api, run_id)) == b"eo"


def test_a_run_that_was_given_back_is_followed_in_its_next_claim(api: Native) -> None:
    run_id = api.start()
    claim = api.store.claims.claim("here", "boot", ["r1"], 1, 0)[0].run.claim
    followed = Followed(api.operations)
    assert read(followed, run_of(api, run_id)) == b""
    api.store.claims.requeue([(run_id, claim)], "no place")
    assert read(followed, run_of(api, run_id)) == b""

    begin(api, run_id)
    write(api, run_of(api, run_id), ".out", b"second")

    assert run_of(api, run_id).claim == 2
    assert read(followed, run_of(api, run_id)) == b"second"
