"""Continuous web jobs as clients of Kudu see and steer them, over HTTP, with real scripts."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.kudu import Kudu
from tests.support.server import Server
from tests.support.waiting import until

PREFIXES = (
    "/api/continuouswebjobs", "/api/continuousjobs", "/jobs/continuous", "/api/jobs/continuous",
)  # fmt: skip
CAPTURED = [
    "status", "detailed_status", "log_url", "name", "run_command", "url", "extra_info_url", "type",
    "error", "using_sdk", "settings",
]  # fmt: skip
SEED_JOB = ["name", "status", "runCommand", "log_url", "extra_info_url", "url", "type"]
STATES = {"Initializing", "Starting", "Running", "PendingRestart", "Stopped"}
FOR_EVER = "echo begun\nsleep 300 & wait\n"


@pytest.fixture(scope="module")
def kudu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kudu]:
    environ = {"JOBSCHED_WEBJOBS_RESTART_TIME": "2"}
    with Server(tmp_path_factory.mktemp("continuous"), environ=environ) as server:
        kudu = Kudu(server)
        kudu.set(SCM_JOBS_INTERVAL="2")
        yield kudu


@pytest.fixture(scope="module")
def steady(kudu: Kudu) -> str:
    kudu.deploy("continuous", "steady", FOR_EVER)
    kudu.becomes("steady", "Running")
    return "steady"


def pids(kudu: Kudu, name: str) -> list[int]:
    mark = f"WEBJOBS_NAME={name}\0".encode()
    found = []
    for process in kudu.server.processes():
        with suppress(OSError):
            given = Path(f"/proc/{process.pid}/environ").read_bytes()
            found += [process.pid] if mark in given else []
    return found


def starts(kudu: Kudu, name: str) -> int:
    return kudu.log(name).count("begun")


def test_W2_a_copied_folder_is_listed_and_starts_by_itself(kudu: Kudu) -> None:
    kudu.copy("continuous", "copied", {"run.sh": FOR_EVER})

    until(lambda: "copied" in kudu.names("continuous"), 20, "the job is listed")

    kudu.becomes("copied", "Running")
    kudu.delete("continuous", "copied")


def test_W34_the_list_is_a_bare_array_of_job_objects(kudu: Kudu, steady: str) -> None:
    jobs = kudu.server.get("/jobs/continuous").json()

    job = next(job for job in jobs if job["name"] == steady)
    assert [key for key in job if key in CAPTURED] == CAPTURED
    assert set(SEED_JOB) <= set(job)
    assert job["runCommand"] == job["run_command"] == "run.sh"
    assert (job["type"], job["status"], job["error"]) == ("continuous", "Running", None)
    assert re.fullmatch(r"\S+ - Running\r\n", job["detailed_status"])
    assert job["log_url"].endswith(f"/vfs/data/jobs/continuous/{steady}/job_log.txt")


def test_W35_one_job_is_the_same_object(kudu: Kudu, steady: str) -> None:
    jobs = kudu.server.get("/api/continuouswebjobs").json()

    assert kudu.job("continuous", steady) == next(job for job in jobs if job["name"] == steady)
    response = kudu.server.get("/api/continuouswebjobs/unknown")
    assert (response.status_code, response.content) == (404, b"")


def test_W36_a_status_is_one_of_five_words(kudu: Kudu) -> None:
    kudu.deploy("continuous", "phases", "echo begun\n")
    seen = {kudu.status("phases")}

    def look() -> bool:
        seen.add(kudu.status("phases"))
        return "PendingRestart" in seen

    until(look)
    kudu.stop("phases")
    seen.add(kudu.status("phases"))

    assert seen <= STATES
    assert {"PendingRestart", "Stopped"} <= seen
    kudu.delete("continuous", "phases")


def test_W11_an_ended_script_is_started_again_after_the_interval(kudu: Kudu) -> None:
    kudu.deploy("continuous", "short", "echo begun\nexit 1\n")

    kudu.becomes("short", "PendingRestart")
    until(lambda: starts(kudu, "short") >= 3, 15, "it is started again and again")

    kudu.delete("continuous", "short")


def test_W39_a_stop_ends_the_tree_and_says_so(kudu: Kudu) -> None:
    kudu.deploy("continuous", "halted", FOR_EVER)
    kudu.becomes("halted", "Running")

    kudu.stop("halted")

    assert kudu.status("halted") == "Stopped"
    assert pids(kudu, "halted") == []
    kudu.delete("continuous", "halted")


def test_W40_a_start_lets_it_run_again(kudu: Kudu) -> None:
    kudu.deploy("continuous", "again", FOR_EVER)
    kudu.becomes("again", "Running")
    kudu.stop("again")

    kudu.asked("POST", "/api/continuouswebjobs/again/start")

    kudu.becomes("again", "Running")
    assert pids(kudu, "again")
    kudu.delete("continuous", "again")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_W41_an_unknown_job_is_a_404(kudu: Kudu, steady: str, prefix: str) -> None:
    for verb in ("start", "stop", "singleton?isSingleton=true"):
        response = kudu.server.post(f"{prefix}/unknown/{verb}")
        assert response.status_code == 404
        assert "'unknown'" in response.text
    assert kudu.server.get(f"{prefix}/{steady}/").json()["name"] == steady


def test_W42_asking_for_what_is_changes_nothing(kudu: Kudu, steady: str) -> None:
    before = pids(kudu, steady)
    kudu.asked("POST", f"/api/continuouswebjobs/{steady}/start")

    assert kudu.status(steady) == "Running"
    assert pids(kudu, steady) == before
    kudu.deploy("continuous", "resting", FOR_EVER)
    for _ in range(2):
        kudu.stop("resting")
        assert kudu.status("resting") == "Stopped"
    kudu.delete("continuous", "resting")


def test_W43_singleton_is_a_setting(kudu: Kudu) -> None:
    kudu.deploy("continuous", "single", FOR_EVER, extra={"kept": [1]})
    url = "/jobs/continuous/single/singleton"

    for word, value in (("true", True), ("False", False)):
        kudu.asked("POST", f"{url}?isSingleton={word}")
        settings = kudu.job("continuous", "single")["settings"]
        assert settings == {"extra": {"kept": [1]}, "is_singleton": value}
    kudu.delete("continuous", "single")


@pytest.mark.parametrize("query", ["", "?isSingleton=", "?isSingleton=perhaps"])
def test_W43_a_missing_or_bad_value_is_refused(kudu: Kudu, steady: str, query: str) -> None:
    response = kudu.server.post(f"/api/continuouswebjobs/{steady}/singleton{query}")

    assert response.status_code == 400
    assert "isSingleton must be true or false" in response.text


def test_W44_the_log_holds_status_changes_and_output(kudu: Kudu, steady: str) -> None:
    url = kudu.job("continuous", steady)["log_url"]

    log, alias = (kudu.server.get(each) for each in (url, url.replace("job_log.txt", "job.log")))

    assert log.status_code == 200
    assert "status changed to Running" in log.text.replace("Status", "status")
    assert "begun" in log.text
    assert alias.content == log.content


def test_the_log_of_a_job_that_never_ran_is_empty(kudu: Kudu) -> None:
    files = {"run.sh": FOR_EVER, "disable.job": ""}
    log_url = kudu.put("continuous", "unborn", files).json()["log_url"]
    assert kudu.status("unborn") == "Stopped"

    answer = kudu.server.get(log_url)

    assert (answer.status_code, answer.content) == (200, b"")
    assert kudu.server.get(log_url.replace("unborn", "unknown")).status_code == 404
    kudu.delete("continuous", "unborn")


def test_a_broken_job_is_neither_started_nor_stopped(kudu: Kudu) -> None:
    kudu.copy("continuous", "broken", {"readme.txt": "no script"})
    url = "/api/continuouswebjobs/broken"
    until(lambda: kudu.server.get(f"{url}?include_errors=1").status_code == 200, 20)

    answers = [kudu.server.post(f"{url}/{verb}").status_code for verb in ("start", "stop")]

    assert answers == [404, 404]


def test_W37_a_new_version_restarts_the_job(kudu: Kudu) -> None:
    kudu.deploy("continuous", "renewed", FOR_EVER)
    kudu.becomes("renewed", "Running")

    kudu.deploy("continuous", "renewed", "echo renewed\nsleep 300\n")

    until(lambda: "renewed" in kudu.log("renewed"), 20, "the new script runs")
    kudu.becomes("renewed", "Running")
    kudu.delete("continuous", "renewed")


def test_W38_a_deleted_job_is_killed_and_gone(kudu: Kudu) -> None:
    kudu.deploy("continuous", "doomed", FOR_EVER)
    kudu.becomes("doomed", "Running")

    kudu.delete("continuous", "doomed")

    until(lambda: not pids(kudu, "doomed"), message="its processes are gone")
    assert "doomed" not in kudu.names("continuous")


def test_a_deployment_restarts_no_other_job(kudu: Kudu, steady: str) -> None:
    before = pids(kudu, steady)

    kudu.deploy("continuous", "neighbour", FOR_EVER)
    kudu.becomes("neighbour", "Running")

    assert pids(kudu, steady) == before
    kudu.delete("continuous", "neighbour")
