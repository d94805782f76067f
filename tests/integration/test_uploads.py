"""Uploads against all odds: large ones, many at once, a full disk, a server that is killed."""

import os
import random
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.support import zips
from tests.support.kudu import Kudu
from tests.support.mounts import fill, read_only, small_disk
from tests.support.server import Server
from tests.support.waiting import until

MIB = 2**20
FOLDER = "/vfs/site/wwwroot/App_Data/jobs/triggered/job"
PATH = "/zip/site/wwwroot/App_Data/jobs/triggered/job/"
OLD = {"run.sh": "cat version; exit $(cat code)\n", "version": "old\n", "code": "3\n"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def version(number: int) -> dict[str, bytes]:
    """Return the files of a version; each tells of the same number."""
    return {"run.sh": b"echo", **{f"{part}.txt": b"%d\n" % number for part in range(40)}}


def numbers(folder: Path) -> set[bytes]:
    """Return what the files of the present version tell; one number when it is whole."""
    return {path.read_bytes() for path in folder.glob("*.txt")}


def staged(server: Server) -> list[Path]:
    folder = server.data / "tmp" / "staging"
    return list(folder.iterdir()) if folder.exists() else []


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // MIB):
        yield bytes(MIB)


@contextmanager
def memory_of(server: Server) -> Iterator[list[int]]:
    """Tell by how much the web part's greatest memory has grown."""
    pid = server.pids()["web"][0]
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the greatest begins anew
    before = psutil.Process(pid).memory_info().rss
    grown: list[int] = []
    yield grown
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    grown.append(peak - before)


def test_large_uploads_are_never_in_memory(server: Server) -> None:
    large = zips.zipped({"run.sh": b"echo", "large": os.urandom(90 * MIB)}, method=0)
    with memory_of(server) as grown:
        codes = [
            server.put(PATH, data=large).status_code,
            server.put("/vfs/site/large", data=chunks(90 * MIB)).status_code,
            requests.put(
                f"{server.url}/api/triggeredwebjobs/other",
                data=chunks(90 * MIB),
                headers={"Content-Disposition": "attachment; filename=run.sh"},
                timeout=60,
            ).status_code,
        ]
        with server.get("/zip/site/", stream=True, timeout=60) as response:
            received = sum(len(block) for block in response.iter_content(MIB))

    assert codes == [200, 201, 200]
    assert received > 90 * MIB
    assert grown[0] < 30 * MIB
    assert staged(server) == []


@pytest.mark.parametrize("chunked", [False, True])
def test_P3_101_MB_are_refused(server: Server, chunked: bool) -> None:
    Kudu(server).put("triggered", "job", OLD)
    data = chunks(101 * MIB) if chunked else bytes(101 * MIB)

    response = requests.put(f"{server.url}{PATH}", data=data, timeout=60)

    assert response.status_code == 413
    assert "104857600 bytes" in response.json()["Message"]
    until(lambda: staged(server) == [], 10)
    assert (Kudu(server).folder("triggered", "job") / "version").read_text() == "old\n"


def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    with Server(tmp_path, cfg="UPLOAD_LIMIT = 2000\n") as server:
        assert server.put("/vfs/site/file", data=b"x" * 2000).status_code == 201
        assert server.put("/vfs/site/more", data=b"x" * 2001).status_code == 413


@pytest.mark.parametrize("path", [PATH, "/vfs/site/file", "/api/triggeredwebjobs/job"])
def test_a_body_that_breaks_off_is_no_upload(server: Server, path: str) -> None:
    place = urlsplit(server.url)
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        "Content-Disposition: attachment; filename=run.sh\r\n\r\necho half\n"
    )
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as client:
        client.sendall(head.encode())
        until(lambda: staged(server), 10, "the upload has begun")

    until(lambda: not staged(server), 10, "it has ended")
    assert not Kudu(server).folder("triggered", "job").exists()
    assert not (server.data / "site" / "file").exists()


def test_a_million_files_are_refused_and_cost_little(server: Server) -> None:
    data = zips.many(1_000_000)
    with memory_of(server) as grown:
        response = server.put(PATH, data=data)

    assert response.status_code == 400
    assert "more than 10000 files" in response.json()["Message"]
    assert grown[0] < 30 * MIB


@pytest.mark.parametrize("route", [PATH, "/api/triggeredwebjobs/job"])
def test_uploads_of_one_job_at_once_never_mix(server: Server, route: str) -> None:
    folder = Kudu(server).folder("triggered", "job")
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": "attachment; filename=job.zip",
    }

    def put(number: int) -> int:
        data = zips.zipped(version(number))
        return requests.put(server.url + route, data=data, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(put, range(32)))

    assert codes == {200}
    assert len(numbers(folder)) == 1
    assert len(list(folder.iterdir())) == 41
    assert staged(server) == []


def test_a_server_killed_in_mid_upload_leaves_the_old_or_the_new(server: Server) -> None:
    kudu = Kudu(server)
    kudu.put("triggered", "job", {name: data.decode() for name, data in version(0).items()})
    folder, dice = kudu.folder("triggered", "job"), random.Random(7)

    for number in range(1, 9):
        kill_while_uploading(server, number, dice.uniform(0, 0.06))
        until(lambda: server.is_ready() and not staged(server), 30, "the web part is back")
        assert len(numbers(folder)) == 1, number
        assert len(list(folder.iterdir())) == 41
        assert kudu.names("triggered") == ["job"]

    assert server.put(PATH, data=zips.zipped(version(99))).status_code == 200
    assert numbers(folder) == {b"99\n"}


def kill_while_uploading(server: Server, number: int, seconds: float) -> None:
    """Send a whole upload, and kill the web part *seconds* later."""
    place = urlsplit(server.url)
    data = zips.zipped(version(number))
    head = f"PUT {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as client:
        client.sendall(head.encode() + data)
        client.settimeout(seconds or 0.001)
        with suppress(TimeoutError):
            client.recv(1)
        server.kill("web")


def test_a_server_killed_while_a_body_comes_throws_it_away(server: Server) -> None:
    kudu = Kudu(server)
    kudu.put("triggered", "job", OLD)
    place = urlsplit(server.url)
    head = f"PUT {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 20) as client:
        client.sendall(head.encode() + zips.zipped()[:100])
        until(lambda: staged(server), 10, "the upload has begun")
        assert server.process is not None
        for process in server.processes():
            process.send_signal(signal.SIGKILL)
        server.process.wait(10)

    assert staged(server)
    server.start()
    assert staged(server) == []
    run = kudu.run("job")
    assert (run["status"], "old" in kudu.output(run)) == ("Failed", True)


def test_a_full_disk_costs_nothing_but_the_upload(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with small_disk(server.data, "24m"), server:
        kudu = Kudu(server)
        kudu.put("triggered", "job", OLD)
        ballast = fill(server.data)

        answers = [
            server.put(PATH, data=zips.zipped({"run.sh": os.urandom(10_000)})),
            server.put("/api/triggeredwebjobs/job", data=os.urandom(10_000), headers={
                "Content-Disposition": "attachment; filename=run.sh"
            }),
            server.put("/vfs/site/new", data=os.urandom(10_000)),
        ]  # fmt: skip
        ballast.unlink()
        half = server.put(PATH, data=zips.zipped({"run.sh": os.urandom(14 * MIB)}))

        assert [answer.status_code for answer in answers] == [507, 507, 507]
        assert half.status_code == 507
        assert half.json()["Message"] == "The disk is full."
        assert staged(server) == []
        assert not (server.data / "site" / "new").exists()
        assert "old" in kudu.output(kudu.run("job"))
        assert server.put(PATH, data=zips.zipped({"version": "new\n"})).status_code == 200
        assert "new" in kudu.output(kudu.run("job"))


def test_a_site_that_can_only_be_read_says_so(server: Server) -> None:
    kudu = Kudu(server)
    kudu.put("triggered", "job", OLD)
    named = {"Content-Disposition": "attachment; filename=run.sh"}
    with read_only(server.data / "site"):
        found_out = server.put("/api/triggeredwebjobs/job", data=b"echo", headers=named)
        answers = [
            server.put("/api/triggeredwebjobs/job", data=b"echo", headers=named).status_code,
            server.put("/vfs/site/file", data=b"1").status_code,
            server.delete(f"{FOLDER}/version", headers={"If-Match": "*"}).status_code,
            server.get(f"{FOLDER}/version").status_code,
        ]

    assert found_out.status_code in {409, 503}
    assert answers == [503, 409, 409, 200]
    assert server.put("/vfs/site/file", data=b"1").status_code == 201
