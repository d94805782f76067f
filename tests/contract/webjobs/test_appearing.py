"""Folders become jobs of the core, with Kudu's defaults and their own settings."""

import threading
from pathlib import Path

import pytest

from jobsched.model import JobState, Mode, Overlap
from jobsched.operations import Operations
from jobsched.operations.webjobs import WebJobs, job_id
from jobsched.storage import Store
from jobsched.webjobs.places import Site
from tests.support.webjobs import CONTINUOUS, TRIGGERED, job_of, put, verbs_over


def test_w1_a_folder_becomes_a_job_of_the_core(site: Site, webjobs: WebJobs) -> None:
    folder = put(site, TRIGGERED, "Backup")

    done = webjobs.sync()

    assert done.created == [(TRIGGERED, "backup")]
    view = webjobs.get(TRIGGERED, "BACKUP")
    assert (view.job.name, view.job.task, view.job.mode) == ("Backup", "WebJob", Mode.TRIGGERED)
    assert view.job.id == job_id(TRIGGERED, "backup") == job_id(TRIGGERED, "BACKUP")
    assert (view.webjob.folder, view.webjob.script) == (str(folder), "run.sh")


def test_w2_a_continuous_folder_becomes_a_job_that_shall_run(site: Site, webjobs: WebJobs) -> None:
    put(site, CONTINUOUS, "loop")

    job = job_of(webjobs, "loop", CONTINUOUS)

    assert (job.mode, job.state) == (Mode.CONTINUOUS, JobState.ACTIVE)


def test_the_same_name_may_be_there_once_per_type(site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "same")
    put(site, CONTINUOUS, "same")

    webjobs.sync()

    assert [view.webjob.type for view in webjobs.list()] == [TRIGGERED, CONTINUOUS]
    assert [view.webjob.type for view in webjobs.list(CONTINUOUS)] == [CONTINUOUS]


def test_w4_a_folder_without_script_is_listed_only_with_errors(
    site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "empty", {"readme.txt": ""})

    job = job_of(webjobs, "empty")

    assert job.state is JobState.BLOCKED
    assert webjobs.list(errors=False) == []
    (view,) = webjobs.list()
    assert "no script" in (view.webjob.error or "")


def test_defaults_of_triggered_jobs_are_kudus(site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup")

    policy = job_of(webjobs).policy

    assert (policy.max_instances, policy.overlap) == (1, Overlap.SKIP)
    assert (policy.idle_timeout, policy.grace, policy.history) == (120.0, 30.0, 30)
    assert policy.misfire.grace == 600.0


def test_defaults_of_continuous_jobs_are_kudus(site: Site, webjobs: WebJobs) -> None:
    put(site, CONTINUOUS, "loop")

    policy = job_of(webjobs, "loop", CONTINUOUS).policy

    assert (policy.grace, policy.idle_timeout, policy.singleton) == (5.0, None, False)


def test_settings_of_the_job_win(site: Site, webjobs: WebJobs) -> None:
    put(
        site,
        TRIGGERED,
        "backup",
        timeout=60,
        idle_timeout=0,
        stopping_wait_time=3,
        retries={"max": 2},
        env={"A": "b"},
        on_conflict="queue",
        misfire={"grace": 5},
        unknown={"kept": True},
    )

    view = webjobs.get(TRIGGERED, job_of(webjobs).name)

    policy = view.job.policy
    assert (policy.timeout, policy.idle_timeout, policy.grace) == (60.0, 0.0, 3.0)
    assert (policy.retries.max, policy.env, policy.overlap) == (2, {"A": "b"}, Overlap.QUEUE)
    assert policy.misfire.grace == 5.0
    assert view.webjob.settings["unknown"] == {"kept": True}


def test_app_settings_win_over_the_configuration(
    store: Store, site: Site, webjobs: WebJobs
) -> None:
    put(site, TRIGGERED, "backup")
    store.switches.put("app_settings", {"SCM_JOBS_IDLE_TIMEOUT": "3", "WEBJOBS_HISTORY_SIZE": "5"})

    policy = job_of(webjobs).policy

    assert (policy.idle_timeout, policy.history) == (3.0, 5)


def test_a_second_sync_changes_nothing(store: Store, site: Site, webjobs: WebJobs) -> None:
    put(site, TRIGGERED, "backup", schedule="0 0 3 * * *", calendars=["nowhere"], timeout="x")
    put(site, TRIGGERED, "empty", {"x.txt": ""})
    put(site, CONTINUOUS, "loop")
    webjobs.sync()
    before = [view.job.version for view in webjobs.list()]

    assert not webjobs.sync()
    assert not webjobs.sync([(TRIGGERED, "BACKUP"), (CONTINUOUS, "nobody")])

    assert [view.job.version for view in webjobs.list()] == before


def test_several_processes_may_sync_at_once(
    store: Store, site: Site, tmp_path: Path, operations: Operations
) -> None:
    for number in range(5):
        put(site, TRIGGERED, f"job{number}", schedule="0 0 3 * * *")
        put(site, CONTINUOUS, f"job{number}")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                verbs_over(store, tmp_path).webjobs.sync()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    views = operations.webjobs.list()
    assert len(views) == 10
    assert {view.job.version for view in views} == {1}


@pytest.mark.parametrize("by", ["setting", "app setting"])
def test_the_folder_of_all_jobs_can_be_another(
    store: Store, site: Site, tmp_path: Path, by: str
) -> None:
    put(site, TRIGGERED, "old")
    other = tmp_path / "elsewhere"
    put(Site(tmp_path, str(other)), TRIGGERED, "new")
    webjobs = verbs_over(store, tmp_path).webjobs
    webjobs.sync()

    if by == "setting":
        webjobs = verbs_over(store, tmp_path, webjobs_root_path=str(other)).webjobs
    else:
        store.switches.put("app_settings", {"WEBJOBS_ROOT_PATH": str(other)})
    webjobs.sync()

    assert [view.webjob.folder for view in webjobs.list()] == [str(other / "triggered" / "new")]
    assert webjobs.site.jobs_root == other
