"""Logs and web jobs by their files: what is written or deleted there, jobs follow."""

from collections.abc import Iterator

import pytest

from tests.support.kudu import Kudu
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.vfs import put
from tests.support.waiting import until
from tests.support.zips import zipped

JOBS = "/vfs/site/wwwroot/App_Data/jobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("vfs")) as server:
        yield server


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
