"""The loop that nothing ends, and the private names of APScheduler that it stands on."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from jobsched.errors import DatabaseBusy
from jobsched.model import JobState
from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.executor import QueueExecutor, run_task
from jobsched.scheduling.jobstore import JobStore
from jobsched.scheduling.scheduler import JobschedScheduler
from jobsched.storage.searching import RunFilter
from jobsched.triggers import parse
from tests.support.closed_days import closed
from tests.support.databases import migrated
from tests.support.waiting import until


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobsched.db"


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        (BackgroundScheduler.start, "(self, *args, **kwargs)"),
        (BackgroundScheduler.shutdown, "(self, *args, **kwargs)"),
        (BackgroundScheduler.wakeup, "(self)"),
        (BackgroundScheduler._main_loop, "(self)"),
        (BaseScheduler._process_jobs, "(self)"),
        (BaseExecutor.start, "(self, scheduler, alias)"),
        (BaseExecutor.submit_job, "(self, job, run_times)"),
        (BaseExecutor._do_submit_job, "(self, job, run_times)"),
        (BaseJobStore.start, "(self, scheduler, alias)"),
        (BaseJobStore.shutdown, "(self)"),
        (BaseJobStore.get_due_jobs, "(self, now)"),
        (BaseJobStore.get_next_run_time, "(self)"),
        (BaseJobStore.lookup_job, "(self, job_id)"),
        (BaseJobStore.get_all_jobs, "(self)"),
        (BaseJobStore.add_job, "(self, job)"),
        (BaseJobStore.update_job, "(self, job)"),
        (BaseJobStore.remove_job, "(self, job_id)"),
        (BaseJobStore.remove_all_jobs, "(self)"),
    ],
)
def test_what_we_override_still_looks_as_it_did(
    method: Callable[..., object], signature: str
) -> None:
    assert str(inspect.signature(method)) == signature


def test_the_loop_still_keeps_its_state_where_we_look() -> None:
    source = inspect.getsource(BackgroundScheduler.start)

    assert "target=self._main_loop" in source
    assert "self._thread" in source
    assert "self._event" in source
    assert "self._jobstores" in inspect.getsource(BaseScheduler._process_jobs)


def test_no_failure_ends_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    scheduler = JobschedScheduler(timezone="UTC")

    def fail() -> float:
        rounds.append(len(rounds))
        scheduler._event.set()
        raise DatabaseBusy("The database is busy; try again.")

    monkeypatch.setattr(scheduler, "_process_jobs", fail)
    scheduler.start()

    until(lambda: len(rounds) > 3)
    assert scheduler.is_alive
    scheduler.shutdown()
    assert not scheduler.is_alive


def test_it_beats_with_each_look() -> None:
    beats: list[None] = []
    scheduler = JobschedScheduler(beat=lambda: beats.append(None), timezone="UTC")
    scheduler.start()

    until(lambda: len(beats) > 1)
    scheduler.shutdown()


@pytest.mark.parametrize("kind", [BackgroundScheduler, JobschedScheduler])
def test_a_stock_scheduler_fires_jobs_of_our_store_once(url: str, kind: type) -> None:
    scheduler = kind(timezone="UTC")
    store = migrated(url)
    scheduler.add_jobstore(JobStore(store))
    scheduler.add_executor(QueueExecutor(store))
    scheduler.start()
    start = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    trigger = parse({"interval": {"hours": 1}, "start": start})

    job = scheduler.add_job(run_task, trigger, args=["example"], kwargs={"x": 1}, name="hourly")

    [run] = until(lambda: store.runs.list(RunFilter(), 10).values)
    assert (run.name, run.task, run.params) == ("hourly", "example", {"x": 1})
    assert scheduler.get_job(job.id).next_run_time > datetime.now(UTC)
    scheduler.shutdown()
    store.close()


def test_jobs_of_our_store_are_paused_listed_and_removed_through_apscheduler(url: str) -> None:
    scheduler = JobschedScheduler(timezone="UTC")
    store = migrated(url)
    scheduler.add_jobstore(JobStore(store))
    scheduler.start(paused=True)
    trigger = parse({"interval": {"hours": 1}})

    job = scheduler.add_job(run_task, trigger, args=["example"], id="one")
    scheduler.pause_job("one")

    paused = store.jobs.get("one")
    assert paused is not None
    assert paused.state is JobState.PAUSED
    assert [found.id for found in scheduler.get_jobs()] == [job.id]
    with pytest.raises(ConflictingIdError):
        scheduler.add_job(run_task, trigger, args=["example"], id="one")
    scheduler.remove_job("one")
    with pytest.raises(JobLookupError):
        scheduler.remove_job("one")
    scheduler.add_job(run_task, trigger, args=["example"], id="two")
    scheduler.remove_all_jobs()
    assert scheduler.get_jobs() == []
    scheduler.shutdown()
    store.close()


def test_jobs_through_apscheduler_may_name_calendars_and_keep_their_count(url: str) -> None:
    calendars = closed("2026-12-24")
    scheduler = JobschedScheduler(timezone="UTC")
    store = migrated(url)
    scheduler.add_jobstore(JobStore(store, almanac=Almanac(calendars)))
    scheduler.start(paused=True)
    given = {"cron": "0 9 * * *", "count": 3, "calendars": ["holidays"]}
    trigger = parse(given, calendars=calendars)

    scheduler.add_job(run_task, trigger, args=["example"], id="one")

    stored = store.jobs.get("one")
    assert stored is not None
    assert stored.trigger == trigger.stored()
    assert "since" in trigger.stored()
    assert scheduler.get_job("one").trigger == trigger
    scheduler.shutdown()
    store.close()


def test_a_job_that_calls_anything_else_is_refused(url: str) -> None:
    scheduler = JobschedScheduler(timezone="UTC")
    scheduler.add_jobstore(JobStore(url=url))
    scheduler.start(paused=True)

    with pytest.raises(ValueError, match="run_task"):
        scheduler.add_job(print, parse({"interval": {"hours": 1}}))
    with pytest.raises(ValueError, match="trigger of jobsched"):
        scheduler.add_job(run_task, "interval", hours=1, args=["example"])
    scheduler.shutdown()


def test_our_executor_queues_runs_for_jobs_of_another_store(url: str) -> None:
    scheduler = JobschedScheduler(timezone="UTC")
    store = migrated(url)
    scheduler.add_jobstore(MemoryJobStore())
    scheduler.add_executor(QueueExecutor(store))
    scheduler.start()

    scheduler.add_job(run_task, "interval", seconds=0.2, args=["example"], name="quick")

    runs = until(lambda: store.runs.list(RunFilter(), 10).values)
    assert runs[0].task == "example"
    scheduler.shutdown()
    store.close()


def test_our_executor_opens_its_own_database_and_refuses_other_functions(url: str) -> None:
    scheduler = JobschedScheduler(timezone="UTC")
    executor = QueueExecutor(url=url)
    executor.start(scheduler, "default")
    foreign = scheduler.add_job(print, "interval", hours=1, id="theirs")

    with pytest.raises(ValueError, match="theirs does not call"):
        executor.submit_job(foreign, [])
    assert executor._store is not None
    executor._store.close()


def test_our_executor_needs_to_know_its_database() -> None:
    with pytest.raises(ValueError, match="a store or the url"):
        QueueExecutor().start(JobschedScheduler(timezone="UTC"), "default")


def test_a_run_task_called_by_anyone_else_says_so() -> None:
    with pytest.raises(RuntimeError, match="QueueExecutor"):
        run_task("example")
