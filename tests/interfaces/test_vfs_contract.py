"""What Kudu's tests of the site's files leave open: reach, races, limits, odd requests."""

import http.client
import os
import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.server import Server
from tests.support.vfs import message, put, raw


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("vfs")) as server:
        yield server


@pytest.fixture
def base() -> str:
    """A new folder of the site, by the address that it would have."""
    return f"/api/vfs/site/{uuid.uuid4().hex}"


def test_a_listing_tells_of_each_entry(server: Server, base: str) -> None:
    for name in ("a%23b.js", "c%2520d.json", "e.md", "f"):
        put(server, f"{base}/{name}", b"12345")
    server.put(f"{base}/g%20h/")

    entries = {entry["name"]: entry for entry in server.get(f"{base}/?x=1").json()}

    assert {name: (entry["mime"], entry["size"]) for name, entry in entries.items()} == {
        "a#b.js": ("application/javascript", 5),
        "c%20d.json": ("application/json", 5),
        "e.md": ("text/plain", 5),
        "f": ("application/octet-stream", 5),
        "g h": ("inode/directory", 0),
    }
    assert entries["a#b.js"]["href"] == f"{server.url}{base}/a%23b.js?x=1"
    assert entries["c%20d.json"]["href"] == f"{server.url}{base}/c%2520d.json?x=1"
    assert entries["g h"]["href"] == f"{server.url}{base}/g%20h/?x=1"
    for entry in entries.values():
        assert server.get(entry["href"]).status_code == 200
        assert entry["mtime"].endswith("+00:00")
        assert entry["crtime"].endswith("+00:00")
        assert Path(entry["path"]).name == entry["name"]


def test_names_of_any_bytes_are_listed_and_read(server: Server, base: str) -> None:
    server.put(f"{base}/")
    folder = os.fsencode(server.data / base.removeprefix("/api/vfs/"))
    Path(os.fsdecode(folder + b"/odd\xff")).write_bytes(b"odd")

    [entry] = server.get(f"{base}/").json()

    assert raw(server, urlsplit(entry["href"]).path) == (200, b"odd")


def test_what_is_outside_or_none_of_the_site_cannot_be_reached(server: Server, base: str) -> None:
    server.put(f"{base}/")
    folder = server.data / base.removeprefix("/api/vfs/")
    (folder / "out").symlink_to("/etc")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "in").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    answers = {
        path: raw(server, f"{base}/{path}")[0]
        for path in (
            "..%2f..%2fjobsched.db", "../../jobsched.db", "%2e%2e/%2e%2e/", "out/passwd", "out/",
            "passwd", "in/in/", "pipe", "a%00b", "%00", "a//b", "./a", "n" * 300, "n/" * 100,
            "%2Fetc%2Fpasswd",
        )
    }  # fmt: skip

    assert set(answers.values()) <= {403, 404}
    assert answers["passwd"] == answers["out/passwd"] == answers["../../jobsched.db"] == 403
    for name in ("jobsched.db", "runs/", "tmp/", "home/", "runners/", "..", "../etc/passwd"):
        assert raw(server, f"/vfs/{name}")[0] in {403, 404}, name


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nothing_outside_can_be_changed(server: Server, base: str, method: str) -> None:
    server.put(f"{base}/")
    folder = server.data / base.removeprefix("/api/vfs/")
    outside = server.folder / f"outside-{method}"
    outside.mkdir()
    (outside / "file").write_bytes(b"safe")
    (folder / "out").symlink_to(outside)
    (folder / "link").symlink_to(outside / "file")

    for path in (
        "out/file",
        "out/new",
        "out/new/",
        "link",
        "..%2f..%2f..%2fnew",
        "out/?recursive=true",
    ):
        response = server.request(method, f"{base}/{path}", data=b"evil", headers={"If-Match": "*"})
        assert response.status_code in {200, 307, 403, 404, 409}, path

    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"file": b"safe"}
    assert not (server.folder / "new").exists()


@pytest.mark.parametrize("top", ["", "site/", "data/", "LogFiles/", "SITE"])
def test_the_folders_of_the_server_itself_stay(server: Server, top: str) -> None:
    response = server.delete(f"/vfs/{top}?recursive=true")

    assert response.status_code == 409
    assert "belongs to the server" in message(response)


def test_what_was_put_at_the_root_lies_apart_from_the_servers_own(server: Server) -> None:
    assert put(server, "/vfs/jobsched.db", b"mine").status_code == 201

    assert server.get("/vfs/jobsched.db").content == b"mine"
    assert (server.data / "home" / "jobsched.db").read_bytes() == b"mine"
    assert (server.data / "jobsched.db").read_bytes()[:6] == b"SQLite"
    assert server.delete("/vfs/jobsched.db", headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("name", ["page.html", "image.svg", "feed.xml"])
def test_no_file_is_a_page_of_ours(server: Server, base: str, name: str) -> None:
    put(server, f"{base}/{name}", b"<script>alert(1)</script>")

    response = server.get(f"{base}/{name}")

    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")


def test_writes_in_the_same_moment_have_tags_of_their_own(server: Server, base: str) -> None:
    tags = [put(server, f"{base}/f", b"%d" % number, "*").headers["ETag"] for number in range(50)]

    assert len(set(tags)) == 50


def test_of_many_writers_with_one_tag_one_wins(server: Server, base: str) -> None:
    etag = put(server, f"{base}/f").headers["ETag"]

    def write(number: int) -> int:
        headers = {"If-Match": etag}
        return requests.put(
            f"{server.url}{base}/f", data=b"%d" % number * 1000, headers=headers, timeout=20
        ).status_code

    with ThreadPoolExecutor(16) as pool:
        codes = sorted(pool.map(write, range(16)))

    assert codes == [204] + [412] * 15


def test_a_file_keeps_its_mode_and_a_big_one_comes_back_whole(server: Server, base: str) -> None:
    data = os.urandom(3_000_000)
    put(server, f"{base}/run.sh", b"old")
    file = server.data / base.removeprefix("/api/vfs/") / "run.sh"
    file.chmod(0o750)

    put(server, f"{base}/run.sh", data, "*")

    assert file.stat().st_mode & 0o777 == 0o750
    assert server.get(f"{base}/run.sh").content == data
    part = server.get(f"{base}/run.sh", headers={"Range": "bytes=1000000-1999999"})
    assert part.content == data[1_000_000:2_000_000]


@pytest.mark.parametrize(
    ("path", "status"),
    [("a%09b", 400), ("n" * 256, 400), ("f/x", 409), ("f/", 409), ("d", 409)],
)
def test_what_cannot_be_written_is_refused(
    server: Server, base: str, path: str, status: int
) -> None:
    put(server, f"{base}/f")
    server.put(f"{base}/d/")

    response = put(server, f"{base}/{path}", b"x", "*")

    assert response.status_code == status, response.text
    assert message(response)


def test_other_methods_and_bad_queries_are_refused_in_json(server: Server, base: str) -> None:
    server.put(f"{base}/")

    assert server.post(base).status_code == 405
    assert message(server.post(base)) == "POST is not possible here."
    assert "recursive" in message(server.delete(f"{base}?recursive=perhaps"))


def test_bodies_over_the_limit_are_refused(server: Server, base: str) -> None:
    headers = {"Content-Length": str(101 * 2**20)}

    response = requests.put(f"{server.url}{base}/big", data=b"", headers=headers, timeout=20)

    assert response.status_code == 413
    assert message(response)


def test_nothing_that_is_asked_is_a_fault_of_ours(server: Server) -> None:
    dice = random.Random(3)
    names = [
        "site",
        "data",
        "jobs",
        "App_Data",
        "x",
        "..",
        ".",
        "",
        "%00",
        "%2e%2e",
        "%FF",
        "a" * 300,
    ]
    names += ["%E2%82%AC", "%2F", "%5C", "a%0d%0ab", "triggered", "wwwroot", "?", "#", "%25", "%zz"]
    values = [
        "*",
        "",
        '"',
        '"a", "b"',
        "W/x",
        "bytes=0-",
        "bytes=-",
        "bytes=9-1",
        "bytes=a",
        "\xff",
    ]
    headers = ["If-Match", "If-None-Match", "Range", "If-Range", "If-Modified-Since"]
    headers += ["Content-Disposition", "Content-Type"]
    codes = set()
    for _ in range(600):
        path = "/".join(dice.choices(names, k=dice.randint(0, 6)))
        method = dice.choice(["GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS"])
        sent = {dice.choice(headers): dice.choice(values) for _ in range(3)}
        kind = dice.choice(["/vfs", "/api/vfs", "/zip", "/api/zip"])
        codes.add(status_of(server, method, f"{kind}/{path}", sent))

    assert {code for code in codes if code >= 500} == set()
    assert codes > {200, 201, 403, 404}


def status_of(server: Server, method: str, path: str, headers: dict[str, str]) -> int:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.request(method, path, body=b"x" if method == "PUT" else None, headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()
