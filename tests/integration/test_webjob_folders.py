"""What is done in the folders of web jobs is seen by the running server, without a restart."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched.model import WebJobType
from jobsched.operations.webjobs import job_id
from jobsched.webjobs.places import Site
from tests.support.server import Server
from tests.support.waiting import until
from tests.support.webjobs import CONTINUOUS, TRIGGERED, put

LOOP = {"run.sh": 'trap "exit 0" TERM\nwhile true; do sleep 0.2 & wait; done\n'}
FIRST = 15.0  # seconds until the folders of jobs themselves have been noticed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("folders"), cfg="ALLOW_ROOT_JOBS = True") as server:
        yield server


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    site = Site(server.data)
    yield site
    shutil.rmtree(site.root / "site", ignore_errors=True)
    until(lambda: jobs(server) == {}, FIRST, "all web jobs to be gone")


def jobs(server: Server) -> dict[str, dict[str, Any]]:
    return {job["name"]: job for job in server.get("/jobs").json()["values"]}


def listed(server: Server, name: str, seconds: float = FIRST) -> dict[str, Any]:
    return until(lambda: jobs(server).get(name, {}), seconds, f"{name} to be listed")


def alive(server: Server, name: str, but: int | None = None) -> int:
    """Wait for a running run of the continuous job *name*, another than *but*; return its id."""
    path = f"/jobs/{job_id(CONTINUOUS, name)}"

    def running() -> int:
        runs = [run["id"] for run in server.runs(path) if run["state"] == "running"]
        return next((run for run in runs if run != but), 0)

    return until(running, FIRST, f"{name} to run")


@pytest.mark.parametrize("spelling", ["app_data", "App_Data"])
@pytest.mark.parametrize("kind", list(WebJobType))
def test_W1_W2_W3_a_folder_is_a_job_without_a_restart(
    server: Server, site: Site, spelling: str, kind: WebJobType
) -> None:
    folder = site.wwwroot / spelling / "jobs" / kind / "Dropped"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text(LOOP["run.sh"], encoding="utf-8")

    job = listed(server, "Dropped")

    assert job["id"] == job_id(kind, "dropped")
    assert job["mode"] == kind.value
    if kind is CONTINUOUS:
        alive(server, "dropped")


def test_W4_a_folder_without_script_is_blocked_until_it_has_one(server: Server, site: Site) -> None:
    folder = put(site, TRIGGERED, "empty", {"readme.txt": ""})
    job = listed(server, "empty")
    assert job["state"] == "blocked"

    (folder / "run.sh").touch()

    until(lambda: jobs(server)["empty"]["state"] == "active", 5)


def test_a_schedule_counts_as_soon_as_it_is_written(server: Server, site: Site) -> None:
    put(site, TRIGGERED, "timed")
    listed(server, "timed")

    put(site, TRIGGERED, "timed", schedule="* * * * * *")

    path = f"/jobs/{job_id(TRIGGERED, 'timed')}"
    runs = until(lambda: [run for run in server.runs(path) if run["due_at"]], 15)
    assert runs[0]["task"] == "WebJob"


def test_a_changed_file_restarts_its_job_and_no_other(server: Server, site: Site) -> None:
    folder = put(site, CONTINUOUS, "changed", LOOP)
    put(site, CONTINUOUS, "other", LOOP)
    listed(server, "changed")
    listed(server, "other")
    changed, other = alive(server, "changed"), alive(server, "other")

    (folder / "library.txt").write_text("new", encoding="utf-8")

    alive(server, "changed", but=changed)
    assert alive(server, "other") == other
    old = server.get(f"/runs/{changed}").json()
    assert old["ended_by"] == "replaced"


def test_what_a_job_in_place_writes_restarts_nothing(server: Server, site: Site) -> None:
    folder = put(site, CONTINUOUS, "inplace", LOOP, is_in_place=True)
    put(site, TRIGGERED, "witness")
    listed(server, "inplace")
    run = alive(server, "inplace")

    (folder / "state.txt").write_text("written by itself", encoding="utf-8")
    put(site, TRIGGERED, "later")
    listed(server, "later")  # so the change before has been looked at

    assert alive(server, "inplace") == run


def test_a_folder_that_goes_ends_its_process(server: Server, site: Site) -> None:
    folder = put(site, CONTINUOUS, "gone", LOOP)
    put(site, CONTINUOUS, "stays", LOOP)
    listed(server, "gone")
    listed(server, "stays")
    run, other = alive(server, "gone"), alive(server, "stays")

    shutil.rmtree(folder)

    until(lambda: "gone" not in jobs(server), 10)
    until(lambda: server.get(f"/runs/{run}").json()["state"] == "done", 15)
    assert alive(server, "stays") == other


def test_DeleteConsoleWorkerExecutableStopsIt(server: Server, site: Site) -> None:
    folder = put(site, CONTINUOUS, "worker", LOOP)
    listed(server, "worker")
    run = alive(server, "worker")

    (folder / "run.sh").unlink()

    until(lambda: jobs(server)["worker"]["state"] == "blocked", 10)
    until(lambda: server.get(f"/runs/{run}").json()["state"] == "done", 30)


def test_folders_that_are_replaced_by_others_are_watched_again(server: Server, site: Site) -> None:
    put(site, TRIGGERED, "before")
    listed(server, "before")

    shutil.rmtree(site.wwwroot)
    put(site, TRIGGERED, "after")

    listed(server, "after", 10)
    until(lambda: "before" not in jobs(server), 10)
    put(site, TRIGGERED, "later")
    listed(server, "later", 5)


def test_what_changed_while_the_server_was_down_is_seen_at_its_start(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        site = Site(server.data)
        folder = put(site, TRIGGERED, "old")
        listed(server, "old")
        (site.data(TRIGGERED, "old")).mkdir(parents=True, exist_ok=True)
        server.stop()
        shutil.rmtree(folder)
        put(site, TRIGGERED, "new")
        server.start()

        listed(server, "new")
        until(lambda: "old" not in jobs(server), 5)
        until(lambda: not site.data(TRIGGERED, "old").exists(), 5, "old data to be removed")


def test_app_settings_count_for_schedules(server: Server, site: Site) -> None:
    put(site, TRIGGERED, "held", schedule="0 0 3 * * *")
    assert listed(server, "held")["state"] == "active"

    server.post("/api/settings", json={"WEBJOBS_DISABLE_SCHEDULE": "1"})
    until(lambda: jobs(server)["held"]["state"] == "paused", 10)

    server.delete("/api/settings/WEBJOBS_DISABLE_SCHEDULE")
    until(lambda: jobs(server)["held"]["state"] == "active", 10)
