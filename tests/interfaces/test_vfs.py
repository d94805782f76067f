"""The files of the site over HTTP, as the tests of Kudu itself use them (webjobs.md, section 9)."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.support.server import Server
from tests.support.vfs import JSON, TEXT, message, put


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("vfs")) as server:
        yield server


@pytest.fixture
def base() -> str:
    """A new folder of the site, by the address that it would have."""
    return f"/api/vfs/site/{uuid.uuid4().hex}"


# -- Kudu.FunctionalTests ---------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/vfs", "/api/vfs"])
def test_VfsIntegrationTest(server: Server, prefix: str) -> None:
    folder = f"{prefix}/{uuid.uuid4().hex}"
    file = f"{folder}/{uuid.uuid4().hex}.txt"

    missing = [server.get(path).status_code for path in (folder, f"{folder}/", file, f"{file}/")]
    made = put(server, file)
    etag, modified = made.headers["ETag"], made.headers["Last-Modified"]

    assert missing == [404, 404, 404, 404]
    assert made.status_code == 201
    reading(server, file, etag, modified)
    ranges(server, file, etag)
    folders(server, prefix, folder, file)
    changes(server, folder, file, etag)


def reading(server: Server, file: str, etag: str, modified: str) -> None:
    for path in (file, f"{file}?a=b"):
        shown = server.get(path)
        assert (shown.status_code, shown.content) == (200, TEXT)
        assert (shown.headers["ETag"], shown.headers["Last-Modified"]) == (etag, modified)
        assert shown.headers["Content-Type"] == "text/plain"
    head = server.request("HEAD", file)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", etag)
    assert head.headers["Content-Length"] == str(len(TEXT))
    known = server.get(file, headers={"If-None-Match": etag})
    assert (known.status_code, known.headers["ETag"]) == (304, etag)
    other = server.get(file, headers={"If-None-Match": '"NotMatching"'})
    assert (other.status_code, other.headers["ETag"]) == (200, etag)


def ranges(server: Server, file: str, etag: str) -> None:
    one = server.get(file, headers={"If-Range": etag, "Range": "bytes=0-0"})
    assert (one.status_code, one.content, one.headers["ETag"]) == (206, b"a", etag)
    assert one.headers["Content-Range"] == f"bytes 0-0/{len(TEXT)}"
    none = server.get(file, headers={"If-Range": etag})
    assert (none.status_code, none.headers["ETag"]) == (200, etag)
    bad = server.get(file, headers={"If-Range": etag, "Range": "bytes=100-100"})
    assert (bad.status_code, bad.headers["Content-Range"]) == (416, f"bytes */{len(TEXT)}")
    stale = server.get(file, headers={"If-Range": '"other"', "Range": "bytes=0-0"})
    assert (stale.status_code, stale.content) == (200, TEXT)
    last = server.get(file, headers={"Range": "bytes=-2"})
    assert (last.status_code, last.content) == (206, b"\r\n")


def folders(server: Server, prefix: str, folder: str, file: str) -> None:
    assert server.get(f"{prefix}/").headers["Content-Type"] == JSON
    listing = server.get(f"{folder}/")
    assert (listing.status_code, listing.headers["Content-Type"]) == (200, JSON)
    for path, target in ((prefix, f"{prefix}/"), (folder, f"{folder}/"), (f"{file}/", file)):
        moved = server.get(f"{path}?x=1")
        assert (moved.status_code, moved.headers["Location"]) == (307, f"{server.url}{target}?x=1")


def changes(server: Server, folder: str, file: str, etag: str) -> None:
    again = put(server, file)
    assert (again.status_code, again.headers["ETag"]) == (412, etag)
    assert put(server, folder).status_code == 409
    assert server.delete(folder).status_code == 409
    updated = put(server, file, b"AAA", etag)
    assert updated.status_code == 204
    newer = updated.headers["ETag"]
    assert newer != etag
    for wrong in (etag, '"invalidetag"'):
        refused = put(server, file, b"no", wrong)
        assert (refused.status_code, refused.headers["ETag"]) == (412, newer)
    anyhow = put(server, file, b"BBB", "*")
    assert anyhow.status_code == 204
    newest = anyhow.headers["ETag"]
    bad = server.delete(file, headers={"If-Match": '"invalidetag"'})
    assert (bad.status_code, bad.headers["ETag"]) == (412, newest)
    assert server.delete(file, headers={"If-Match": newest}).status_code == 200
    assert server.delete(file, headers={"If-Match": newest}).status_code == 404
    assert server.delete(folder).status_code == 200
    assert server.put(f"{folder}/").status_code == 201
    assert server.put(f"{folder}/").status_code == 409


# -- Kudu.Services.Test, VfsControllerFacts ---------------------------------------------------


def test_DeleteRequestReturnsNotFoundIfItemDoesNotExist(server: Server, base: str) -> None:
    response = server.delete(f"{base}/foo/bar/")

    assert response.status_code == 404
    assert message(response) == "There is no bar."


def test_DeleteRequestDoesNotRecursivelyDeleteDirectoriesByDefault(
    server: Server, base: str
) -> None:
    put(server, f"{base}/foo/bar.txt")

    for path in (f"{base}/foo/", f"{base}/foo", f"{base}/foo?recursive=false"):
        response = server.delete(path)
        assert response.status_code == 409
        assert "not empty" in message(response)
    assert server.get(f"{base}/foo/bar.txt").status_code == 200


def test_DeleteRequestInvokesRecursiveDeleteBasedOnParameter(server: Server, base: str) -> None:
    put(server, f"{base}/foo/deep/bar.txt")

    assert server.delete(f"{base}/foo/?recursive=true").status_code == 200
    assert server.get(f"{base}/foo/").status_code == 404
    assert server.get(f"{base}/").json() == []


def test_DeleteItemReturnsPreconditionFailedResponseIfFileDeleteDoesNotContainETag(
    server: Server, base: str
) -> None:
    etag = put(server, f"{base}/bar.txt").headers["ETag"]

    response = server.delete(f"{base}/bar.txt")

    assert (response.status_code, response.headers["ETag"]) == (412, etag)
    assert "If-Match" in message(response)


def test_DeleteItemReturnsPreconditionFailedIfETagDoesNotMatch(server: Server, base: str) -> None:
    put(server, f"{base}/bar.txt")

    headers = {"If-Match": '"this-will-not-match"'}
    assert server.delete(f"{base}/bar.txt", headers=headers).status_code == 412


@pytest.mark.parametrize("etag", ["*", '"00c0b16b2129cf08"'])
def test_DeleteItemDeletesFileIfETagMatches(server: Server, base: str, etag: str) -> None:
    put(server, f"{base}/bar.txt")
    file = server.data / base.removeprefix("/api/vfs/") / "bar.txt"
    os.utime(file, (1341532800, 1341532800))  # 2012-07-06, in UTC

    several = f'"this-will-not-match", {etag}' if etag != "*" else etag
    assert server.get(f"{base}/bar.txt").headers["ETag"] == '"00c0b16b2129cf08"'
    assert server.delete(f"{base}/bar.txt", headers={"If-Match": several}).status_code == 200
    assert not file.exists()


def test_MapRouteToLocalPathTests(server: Server) -> None:
    (server.data / "LogFiles" / "Git").mkdir(parents=True, exist_ok=True)

    root = server.get("/vfs/").json()
    logs = server.get("/vfs/LogFiles/").json()

    assert {entry["name"] for entry in root} >= {"site", "data", "LogFiles"}
    assert [entry["path"] for entry in logs] == [str(server.data / "LogFiles" / "Git")]
