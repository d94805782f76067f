"""Automatic retries through the whole server: which failures of Python tasks are retried."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import runs
from tests.support.server import Server

CATALOG = """\
[warm]
file=raising.py
class=Raising
jobsched.params=what

[forked]
file=raising.py
class=Raising
jobsched.isolation=fork
jobsched.params=what

[unloadable]
file=unloadable.py
class=Unloadable
jobsched.retries=1
jobsched.retries.backoff=0
jobsched.retries.exceptions=ImportError
"""
RAISING = """\
import sys

class Refused(ConnectionError):
    pass

class Liar(type):
    __module__ = property(lambda self: 1 / 0)

class Odd(Exception, metaclass=Liar):
    pass

class Raising:
    def __call__(self, info):
        exec(info.params["what"])
"""
UNLOADABLE = "import no_such_module\n\nclass Unloadable:\n    pass\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("retries")
    server = Server(
        folder,
        catalog=CATALOG,
        tasks={"raising.py": RAISING, "unloadable.py": UNLOADABLE},
    )
    with server:
        yield server


def first_end(server: Server, task: str, what: str, **retries: object) -> dict[str, Any]:
    """Return how the first run ended of a job of *task* with one retry and this policy."""
    body = {"task": task, "name": "a", "mode": "triggered", "params": {"what": what}}
    policy = {"max": 1, "backoff": 0, **retries}
    made = server.post("/jobs", json={**body, "retries": policy})
    assert made.status_code == 202, made.text
    return runs.done(server, runs.id_of(server.post(f"{made.headers['Location']}/run")))


@pytest.mark.parametrize("task", ["warm", "forked"])
@pytest.mark.parametrize(
    ("what", "names", "retried"),
    [
        ("raise Refused('no')", ["Refused"], True),
        ("raise Refused('no')", ["raising.Refused"], True),
        ("raise Refused('no')", ["OSError"], True),
        ("raise Refused('no')", ["ValueError", "other.Refused"], False),
        ("raise Odd()", ["Odd", "Exception"], False),
        ("sys.exit(3)", ["Exception", "SystemExit"], False),
        ("raise ValueError", None, True),
    ],
)
def test_only_the_named_exceptions_and_their_kind_are_retried(
    server: Server, task: str, what: str, names: list[str] | None, retried: bool
) -> None:
    row = first_end(server, task, what, exceptions=names)

    assert (row["outcome"], row["retried_by"] is not None) == ("failed", retried)


@pytest.mark.parametrize("what", ["sys.exit(75)", "raise Refused"])
def test_of_codes_and_exceptions_either_will_do(server: Server, what: str) -> None:
    row = first_end(server, "warm", what, exceptions=["OSError"], exit_codes=[75])

    assert row["retried_by"] is not None


def test_a_task_that_cannot_be_loaded_has_an_exception_too(server: Server) -> None:
    row = runs.done(server, runs.start(server, "unloadable"))

    retry = runs.done(server, row["retried_by"])
    assert "No module named 'no_such_module'" in row["reason"]
    assert (retry["attempt"], retry["retry_of"], retry["retried_by"]) == (2, row["id"], None)
