"""The files of the site over HTTP, as clients of Kudu use them (webjobs.md, sections 6 and 9)."""

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

from tests.support.kudu import Kudu
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until
from tests.support.zips import zipped

JSON = "application/json; charset=utf-8"
TEXT = b"aaa\r\nbbb\r\nccc\r\n"
JOBS = "/vfs/site/wwwroot/App_Data/jobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("vfs")) as server:
        yield server


@pytest.fixture
def base() -> str:
    """A new folder of the site, by the address that it would have."""
    return f"/api/vfs/site/{uuid.uuid4().hex}"


def raw(server: Server, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Send *path* as it is: requests would tidy it."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.endheaders()
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def put(
    server: Server, path: str, data: bytes = TEXT, etag: str | None = None
) -> requests.Response:
    return server.put(path, data=data, headers={} if etag is None else {"If-Match": etag})


def message(response: requests.Response) -> str:
    """Return what a refusal says, after checking its form."""
    assert response.headers["Content-Type"] == JSON
    body = response.json()
    assert list(body) == ["Message"]
    return str(body["Message"])


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


# -- the contract beyond those tests ----------------------------------------------------------


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


# -- logs and jobs ----------------------------------------------------------------------------


def test_W27_logs_are_found_by_all_their_names(server: Server) -> None:
    kudu = Kudu(server)
    kudu.deploy("triggered", "talker", "echo hello; echo oops >&2\n")
    run = kudu.run("talker")
    folder, number = f"/vfs/data/jobs/triggered/talker/{run['id']}", run["id"]
    short = f"/vfs/data/jobs/triggered/Talker/{number[:14]}"

    for kind in ("output", "error"):
        log = server.get(f"{folder}/{kind}_log.txt")
        assert log.status_code == 200
        assert log.headers["Content-Type"].startswith("text/plain")
        for name in (f"{kind}_{number}.log", f"{kind}.log"):
            assert server.get(f"{folder}/{name}").content == log.content
        assert server.get(f"{short}/{kind}_{number[:14]}.log").content == log.content
        assert server.get(f"{short}/{kind}_log.txt").content == log.content
    assert server.get(f"{folder}/output_99999999999999.log").status_code == 404
    assert server.get(f"{short}/").status_code == 200


def test_W44_the_log_of_a_continuous_job_has_its_old_name(server: Server) -> None:
    kudu = Kudu(server)
    kudu.deploy("continuous", "clock", "echo tick; exec sleep 100\n")
    kudu.becomes("clock", "Running")
    folder = "/vfs/data/jobs/continuous/clock"

    log = server.get(f"{folder}/job.log")

    assert log.status_code == 200
    assert server.get(f"{folder}/job_log.txt").content.startswith(log.content)
    kudu.delete("continuous", "clock")


@pytest.mark.parametrize("folder", ["App_Data", "app_data", "APP_DATA"])
def test_W3_the_folder_of_jobs_has_one_name_in_every_case(server: Server, folder: str) -> None:
    path = f"/vfs/site/wwwroot/{folder}/jobs/Triggered/{folder}"

    assert put(server, f"{path}/run.sh", b"echo").status_code == 201

    assert folder in Kudu(server).names("triggered")
    assert [entry.name for entry in (server.data / "site" / "wwwroot").iterdir()] == ["App_Data"]
    assert server.delete(f"{path}?recursive=true").status_code == 200


def test_what_is_written_by_vfs_is_a_job_at_once(server: Server) -> None:
    kudu = Kudu(server)
    put(server, f"{JOBS}/triggered/byhand/run.sh", b"echo by hand\n")

    assert kudu.job("triggered", "byhand")["run_command"] == "run.sh"
    assert kudu.run("byhand")["status"] == "Success"
    server.delete(f"{JOBS}/triggered/byhand/run.sh", headers={"If-Match": "*"})
    assert "byhand" not in kudu.names("triggered")


def test_W33_a_deleted_folder_is_no_job_and_its_run_is_killed(server: Server) -> None:
    kudu = Kudu(server)
    kudu.deploy("triggered", "sleeper", "exec sleep 1000\n")
    url = kudu.start("sleeper")
    path = f"{JOBS}/triggered/sleeper"

    assert server.delete(path).status_code == 409
    assert server.delete(f"{path}?recursive=true").status_code == 200

    assert "sleeper" not in kudu.names("triggered")
    assert not kudu.folder("triggered", "sleeper").exists()
    assert server.delete(f"{path}?recursive=true").status_code == 404
    assert url
    no_process(server, "sleep 1000")


def test_W38_a_deleted_continuous_job_is_killed(server: Server) -> None:
    kudu = Kudu(server)
    kudu.deploy("continuous", "daemon", "exec sleep 2000\n")
    kudu.becomes("daemon", "Running")

    assert server.delete(f"{JOBS}/continuous/daemon?recursive=true").status_code == 200

    assert "daemon" not in kudu.names("continuous")
    no_process(server, "sleep 2000")


def no_process(server: Server, words: str) -> None:
    def gone() -> bool:
        return not any(words in line for line in command_lines(server))

    until(gone, 15, f"no process {words}")


def command_lines(server: Server) -> Iterator[str]:
    for process in server.processes():
        yield " ".join(command_of(process))


def test_a_redeployed_zip_is_seen_by_vfs(server: Server) -> None:
    kudu = Kudu(server)
    kudu.put("triggered", "seen", {"run.sh": "echo", "a.txt": "1"})
    first = server.get(f"{JOBS}/triggered/seen/a.txt")
    server.put("/zip/site/wwwroot/App_Data/jobs/triggered/seen/", data=zipped({"a.txt": "2"}))

    second = server.get(f"{JOBS}/triggered/seen/a.txt")

    assert (first.content, second.content) == (b"1", b"2")
    assert first.headers["ETag"] != second.headers["ETag"]
