"""Zip files and single files over the folder of a web job: whole or not at all (W28 to W46)."""

import os
import stat
import threading
import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.support import zips
from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

JSON = "application/json; charset=utf-8"
JOBS = "/zip/site/wwwroot/App_Data/jobs"
HORRORS = {
    "traversal": zips.zipped({"../evil.sh": b"x"}),
    "absolute": zips.zipped({"/tmp/evil.sh": b"x"}),
    "backslash": zips.zipped({"a\\..\\..\\evil.sh": b"x"}),
    "link": zips.with_member(zips.special("link", stat.S_IFLNK), b"/etc/passwd"),
    "device": zips.with_member(zips.special("device", stat.S_IFCHR)),
    "encrypted": zips.encrypted(),
    "overlap": zips.overlapping(),
    "case": zips.zipped({"run.sh": b"1", "RUN.SH": b"2"}),
    "truncated": zips.zipped()[:-30],
    "no zip": b"echo hello\n",
    "nothing": b"",
    "bomb": zips.bomb(30 * 2**20),
    "understated": zips.understated(100_000, 10),
    "lying zip64": zips.with_big_end(zips.zipped(), entries=2**40),
    "no script": zips.zipped({"readme.txt": b"x"}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("zip")) as server:
        yield server


@pytest.fixture
def kudu(server: Server) -> Kudu:
    return Kudu(server)


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def message(response: requests.Response) -> str:
    assert response.headers["Content-Type"] == JSON
    return str(response.json()["Message"])


def logged(kudu: Kudu, name: str, words: str) -> None:
    until(lambda: words in kudu.log(name), 20, f"{words} in the log of {name}")


def staged(server: Server) -> list[str]:
    folder = server.data / "tmp" / "staging"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_W28_a_zip_makes_a_job(kudu: Kudu, server: Server, name: str) -> None:
    data = zips.zipped({"run.sh": "sh ./inner/tool\n", "inner/tool": "echo $((40+2))\n"})

    response = server.put(f"{JOBS}/triggered/{name}/", data=data)

    assert (response.status_code, response.content) == (200, b"")
    assert name in kudu.names("triggered")
    run = kudu.run(name)
    assert (run["status"], "42" in kudu.output(run)) == ("Success", True)
    assert os.access(kudu.folder("triggered", name) / "run.sh", os.X_OK)


@pytest.mark.parametrize(
    ("header", "file"),
    [
        ("attachment; filename=go.sh", "go.sh"),
        ('attachment; attachment; filename="go.sh"', "go.sh"),
        ("filename=C:\\jobs\\go.sh", "go.sh"),
        ('attachment; filename="../../go.sh"', "go.sh"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.sh", "été.sh"),
    ],
)
def test_W29_a_single_file_makes_a_job(
    kudu: Kudu, server: Server, name: str, header: str, file: str
) -> None:
    headers = {"Content-Disposition": header, "Content-Type": "application/octet-stream"}

    response = server.put(f"{JOBS}/triggered/{name}/", data=b"echo one\n", headers=headers)

    assert response.status_code == 200, response.text
    assert kudu.job("triggered", name)["run_command"] == file
    assert kudu.run(name)["status"] == "Success"


@pytest.mark.parametrize("horror", HORRORS)
def test_W30_a_bad_zip_is_refused_and_the_old_version_runs_on(
    kudu: Kudu, server: Server, name: str, horror: str
) -> None:
    kudu.deploy("triggered", name, "echo still the old one\n")
    before = {path.name: path.stat() for path in kudu.folder("triggered", name).iterdir()}

    merged = server.put(f"{JOBS}/triggered/{name}/", data=HORRORS[horror])
    replaced = server.put(
        f"/api/triggeredwebjobs/{name}",
        data=HORRORS[horror],
        headers={
            "Content-Type": "application/zip", "Content-Disposition": "attachment; filename=x.zip",
        },
    )  # fmt: skip

    expected = 200 if horror == "no script" else 400
    assert (merged.status_code, replaced.status_code) == (expected, 400)
    if expected == 400:
        assert message(merged)
        after = {path.name: path.stat() for path in kudu.folder("triggered", name).iterdir()}
        assert after == before
    run = kudu.run(name)
    assert "still the old one" in kudu.output(run)
    assert staged(server) == []
    assert not list(server.folder.rglob("evil.sh"))


@pytest.mark.parametrize("horror", HORRORS)
def test_W30_a_bad_zip_makes_no_job(kudu: Kudu, server: Server, name: str, horror: str) -> None:
    response = server.put(f"{JOBS}/triggered/{name}/", data=HORRORS[horror])

    assert response.status_code == 400
    assert not kudu.folder("triggered", name).exists()
    assert name not in kudu.names("triggered")


def test_W31_what_is_no_zip_and_has_no_name_is_refused(server: Server, name: str) -> None:
    response = server.put(f"{JOBS}/triggered/{name}/", data=b"echo one\n")

    assert response.status_code == 400
    assert "not a zip file" in message(response)


def test_W32_a_zip_over_a_job_adds_and_overwrites_but_never_clears(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.put("triggered", name, {"run.sh": "cat a b c\n", "a": "old a\n", "b": "old b\n"})

    response = server.put(
        f"{JOBS}/triggered/{name}/", data=zips.zipped({"b": "new b\n", "c": "new c\n"})
    )

    assert response.status_code == 200
    output = kudu.output(kudu.run(name))
    assert [word in output for word in ("old a", "old b", "new b", "new c")] == [
        True, False, True, True,
    ]  # fmt: skip
    assert kudu.asked("POST", f"/api/triggeredwebjobs/{name}/rollback")
    assert "old b" in (kudu.folder("triggered", name) / "b").read_text()


def test_W37_a_zip_starts_a_continuous_job_and_restarts_it_with_new_files(
    kudu: Kudu, server: Server, name: str
) -> None:
    path = f"{JOBS}/continuous/{name}/"

    for word in ("first", "second"):
        script = f"echo the {word}; exec sleep 300\n"
        assert server.put(path, data=zips.zipped({"run.sh": script})).status_code == 200
        logged(kudu, name, f"the {word}")

    kudu.becomes(name, "Running")
    kudu.delete("continuous", name)


@pytest.mark.parametrize("bad", ["a.b", "-x", "a%20b", "%C3%A4", "x" * 65])
def test_W46_a_new_job_follows_the_rule_for_names(server: Server, bad: str) -> None:
    response = server.put(f"{JOBS}/triggered/{bad}/", data=zips.zipped())

    assert response.status_code == 400
    assert "A name is" in message(response)


def test_a_new_version_with_the_times_of_the_old_one_is_seen(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.deploy("continuous", name, "echo version 1; exec sleep 300\n")
    logged(kudu, name, "version 1")

    kudu.deploy("continuous", name, "echo version 2; exec sleep 300\n")

    logged(kudu, name, "version 2")  # of the same size and time
    kudu.delete("continuous", name)


def test_an_upload_does_not_disturb_other_jobs(kudu: Kudu, server: Server, name: str) -> None:
    kudu.deploy("continuous", f"{name}-calm", "echo begin; exec sleep 300\n")
    logged(kudu, f"{name}-calm", "begin")

    for number in range(3):
        kudu.deploy("continuous", name, f"echo version {number}; exec sleep 300\n")
        logged(kudu, name, f"version {number}")

    assert kudu.log(f"{name}-calm").count("begin") == 1
    kudu.delete("continuous", name)
    kudu.delete("continuous", f"{name}-calm")


def test_a_client_that_goes_away_in_mid_upload_changes_nothing(
    kudu: Kudu, server: Server, name: str
) -> None:
    kudu.deploy("triggered", name, "echo old\n")
    begun = threading.Event()

    def body() -> Iterator[bytes]:
        yield zips.zipped()[:50]
        begun.set()
        raise ConnectionAbortedError

    with pytest.raises((requests.RequestException, ConnectionAbortedError)):
        requests.put(f"{server.url}{JOBS}/triggered/{name}/", data=body(), timeout=20)

    assert begun.is_set()
    until(lambda: staged(server) == [], 20, "what was sent is thrown away")
    assert "old" in kudu.output(kudu.run(name))
