"""Odd files: which names new ones may have, tags that a change may name, absurd times."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from jobsched.web.vfs import tags
from jobsched.webjobs.tree import Node
from tests.support.kudu import Kudu
from tests.support.server import Server

FILE = "/api/vfs/site/wwwroot/named/a.txt"


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    with Server(tmp_path_factory.mktemp("names")) as server:
        yield Kudu(server)


@pytest.mark.parametrize("name", ["..%5c..%5c", "a%5cb.txt", "bell%07.txt", "n" * 256])
def test_names_that_archives_cannot_carry_are_refused(kudu: Kudu, name: str) -> None:
    response = kudu.server.put(f"/api/vfs/site/wwwroot/named/{name}", data=b"x")

    assert response.status_code == 400
    assert "A name may have" in response.json()["Message"]


def test_any_version_may_be_named_among_others(kudu: Kudu) -> None:
    kudu.server.put(FILE, data=b"1", headers={"If-Match": "*"})

    changed = kudu.server.put(FILE, data=b"2", headers={"If-Match": '"old", *'})

    assert changed.status_code == 204
    assert kudu.server.get(FILE).content == b"2"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (300_000_000_000, datetime.max.replace(tzinfo=UTC)),
        (-300_000_000_000, datetime(1970, 1, 1, tzinfo=UTC)),
        (9_000_000_000_000_000_000, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_that_no_calendar_has_is_told_all_the_same(seconds: int, shown: datetime) -> None:
    node = Node(
        name="f", is_folder=False, is_file=True, size=0, mtime_ns=seconds * 10**9, ctime_ns=0
    )

    assert tags.moment_of(node.mtime_ns) == shown
    assert len(tags.tag_of(node)) == 16


def test_a_file_of_the_far_future_is_listed_and_read(kudu: Kudu) -> None:
    kudu.server.put(FILE, data=b"1", headers={"If-Match": "*"})
    os.utime(kudu.server.data / "site/wwwroot/named/a.txt", (2**34, 2**34))

    assert kudu.server.get(FILE).content == b"1"
    assert kudu.server.get(FILE.rpartition("/")[0] + "/").status_code == 200
