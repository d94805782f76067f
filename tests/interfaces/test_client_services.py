"""``jobsched services`` and ``upload`` against a real server."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import cli
from tests.support.client import Client, counting
from tests.support.server import Server
from tests.support.waiting import until

LIMIT = 2_000_000  # bytes of an upload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server"), cfg=f"UPLOAD_LIMIT = {LIMIT}") as running:
        yield running


@pytest.fixture
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, tmp_path_factory.mktemp("home"))


def place(server: Server, name: str, kind: str = "triggered") -> Path:
    """Return where the files of a web job are."""
    return server.data / "site" / "wwwroot" / "App_Data" / "jobs" / kind / name


def service(client: Client, name: str) -> dict[str, object]:
    """Return where a service of one machine stands."""
    listed = client.good("services", "list", "--json").json
    found: dict[str, object] = next(job for job in listed if job["name"] == name)["service"][0]
    return found


def test_a_service_is_started_restarted_and_stopped(client: Client) -> None:
    words = ["n=1000000", "pause=1", "--mode", "continuous", "--name", "listener"]
    client.good("jobs", "create", "count", *words)
    until(lambda: service(client, "listener")["state"] == "running", 20)
    first = service(client, "listener")["run"]

    client.good("services", "restart", "listener")
    until(lambda: service(client, "listener")["state"] == "running", 20)
    second = service(client, "listener")["run"]
    client.good("services", "stop", "listener")
    until(lambda: service(client, "listener")["state"] == "stopped", 20)
    table = client.good("services", "list").out
    client.good("services", "start", "listener")
    until(lambda: service(client, "listener")["state"] == "running", 20)

    assert first != second
    assert "listener" in table
    assert "stopped" in table
    client.good("jobs", "delete", "listener", "--stop")


def test_only_continuous_jobs_are_services(client: Client) -> None:
    client.good("jobs", "create", "count", "--mode", "triggered", "--name", "no service")

    for verb in ("start", "stop", "restart"):
        said = client("services", verb, "no service")
        assert said.code == cli.CONFLICT
        assert said.err.startswith("jobsched: ")


def test_a_folder_becomes_a_web_job_with_all_its_files(server: Server, client: Client) -> None:
    folder = client.folder / "cleanup"
    (folder / "lib" / "deep").mkdir(parents=True)
    (folder / "run.sh").write_text("cat lib/deep/*\n")
    (folder / "lib" / "deep" / "größe.txt").write_text("content\n")
    (folder / "linked").symlink_to(folder / "run.sh")
    (folder / "big").write_bytes(bytes(1_500_000))
    (folder / "empty").touch()

    said = client.good("upload", "cleanup")
    ran = client("run", "cleanup", "--follow")

    assert "'cleanup' has its new files" in said.err
    assert (ran.code, ran.out) == (0, "content\n")
    made = place(server, "cleanup")
    names = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert names == {"run.sh", "lib/deep/größe.txt", "linked", "big", "empty"}
    assert (made / "big").stat().st_size == 1_500_000


def test_a_zip_file_and_a_script_become_web_jobs(server: Server, client: Client) -> None:
    with zipfile.ZipFile(client.folder / "zipped.zip", "w") as archive:
        archive.writestr("run.sh", "echo zipped\n")
    (client.folder / "single.sh").write_text("echo single\n")

    client.good("upload", "zipped.zip")
    shown = client.good("upload", "single.sh", "--name", "other", "--json").json

    assert client("run", "zipped", "--follow").out == "zipped\n"
    assert client("run", "other", "--follow").out == "single\n"
    assert (shown["name"], shown["type"]) == ("other", "triggered")


def test_a_continuous_web_job_is_a_service(client: Client) -> None:
    (client.folder / "loop").mkdir()
    (client.folder / "loop" / "run.sh").write_text("sleep 1000\n")

    client.good("upload", "loop", "--type", "continuous")

    until(lambda: service(client, "loop")["state"] == "running", 20)
    client.good("services", "stop", "loop")


def test_a_new_upload_takes_the_place_of_all_files(server: Server, client: Client) -> None:
    folder = client.folder / "twice"
    folder.mkdir()
    (folder / "run.sh").write_text("echo one\n")
    client.good("upload", "twice")
    (folder / "run.sh").rename(folder / "run.bash")

    client.good("upload", "twice")

    assert [path.name for path in place(server, "twice").iterdir()] == ["run.bash"]


@pytest.mark.parametrize("kind", ["empty", "pipe", "loop", "unreadable"])
def test_what_cannot_be_sent_is_refused_and_nothing_is_left_behind(
    kind: str, server: Server, client: Client
) -> None:
    folder = client.folder / kind
    folder.mkdir()
    if kind != "empty":
        (folder / "run.sh").write_text("echo\n")
    if kind == "pipe":
        os.mkfifo(folder / "tube")
    if kind == "loop":
        (folder / "again").symlink_to(folder)
    if kind == "unreadable":
        (folder / "gone").symlink_to(folder / "absent")

    said = client("upload", kind)

    assert said.code == cli.USAGE
    assert kind in said.err
    assert not place(server, kind).exists()


def test_what_is_too_large_is_refused_while_it_is_sent(server: Server, client: Client) -> None:
    folder = client.folder / "huge"
    folder.mkdir()
    (folder / "run.sh").write_text("echo\n")
    (folder / "noise").write_bytes(os.urandom(4 * LIMIT))

    said = client("upload", "huge")

    assert said.code == cli.FAILED
    assert f"{LIMIT} bytes" in said.err
    assert not place(server, "huge").exists()


def test_a_broken_archive_is_refused_with_its_rule(server: Server, client: Client) -> None:
    with zipfile.ZipFile(client.folder / "bad.zip", "w") as archive:
        archive.writestr("../evil.sh", "echo\n")

    said = client("upload", "bad.zip")

    assert said.code == cli.USAGE
    assert "evil.sh" in said.err
    assert not place(server, "bad").exists()


def test_what_the_server_says_of_the_web_job_is_printed(client: Client) -> None:
    folder = client.folder / "said"
    folder.mkdir()
    (folder / "run.sh").write_text("echo\n")

    shown = json.loads(client.good("upload", "said", "--json").out)

    assert shown["run_command"] == "run.sh"
