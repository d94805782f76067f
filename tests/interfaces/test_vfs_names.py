"""Which names new files may have, and the tags that a change may name."""

from collections.abc import Iterator

import pytest

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
