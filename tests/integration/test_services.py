"""Continuous jobs under a supervisor that is driven turn by turn: started, restarted, stopped."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import clock, events
from jobsched.events import Event
from jobsched.execution.supervisor import keeping
from jobsched.model import EndedBy, Health, JobState, Outcome, Policy, RunState, ServiceState
from jobsched.storage.searching import RunFilter
from tests.support.services import Services, is_alive


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()


def test_a_continuous_job_starts_by_itself(services: Services, told: list[Event]) -> None:
    job = services.add()
    services.site.start()

    row = services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    assert row is not None
    [run] = services.runs(job)
    assert (row.run_id, row.restarts, row.exits) == (run.id, 0, 0)
    assert run.state is RunState.RUNNING
    assert services.living() == services.pids()
    assert "service started" in [event.name for event in told]


def test_it_takes_no_place_of_the_runs_in_the_queue(tmp_path: Path) -> None:
    services = Services(tmp_path, capacity=1)
    jobs = [services.add() for _ in range(3)]
    services.site.script("short", "true")
    services.site.start()
    for job in jobs:
        services.reaches(job, ServiceState.RUNNING)
    services.starts(3)

    run = services.site.queue("short")

    assert services.site.until_done(run).outcome is Outcome.SUCCEEDED
    assert len(services.living()) == 3
    services.site.close()


def test_after_kill_9_it_is_started_again_at_once(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    [pid] = services.starts(1)

    os.kill(pid, signal.SIGKILL)

    first, second = services.starts(2)
    row = services.reaches(job, ServiceState.RUNNING)
    assert row is not None
    assert (row.restarts, row.exits) == (1, 1)
    assert services.living() == [second]
    assert [run.signal for run in services.runs(job)] == [signal.SIGKILL, None]
    assert first != second


def test_W11_it_waits_for_the_restart_time(tmp_path: Path) -> None:
    services = Services(tmp_path, webjobs_restart_time=1.0)
    job = services.add("flapper")
    services.site.start()

    row = services.reaches(job, ServiceState.WAITING)

    assert row is not None
    assert row.next_try_us is not None
    assert row.next_try_us - services.last_end_us(job) == clock.SECOND
    services.starts(2)
    first, second = services.runs(job)[:2]
    assert first.ended_at is not None
    assert 1.0 <= (second.created_at - first.ended_at).total_seconds() < 1.9
    services.site.close()


def test_a_flapper_backs_off(services: Services, told: list[Event]) -> None:
    job = services.add("flapper")
    services.site.start()

    services.starts(6)
    row = services.reaches(job, ServiceState.WAITING)

    assert row is not None
    assert (row.exits, row.restarts) == (6, 5)
    assert row.next_try_us is not None
    assert row.next_try_us - services.last_end_us(job) == 2 * clock.SECOND
    [event] = [event for event in told if event.name == "service backing off"]
    assert event.fields["exits"] == 6


def test_W39_W40_a_stopped_one_ends_and_starts_when_told(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})
    services.reaches(job, ServiceState.STOPPED)

    assert services.living() == []
    [run] = services.runs(job)
    assert (run.outcome, run.ended_by) == (Outcome.STOPPED, EndedBy.STOP)
    services.site.store.jobs.change(job.id, None, {"state": JobState.ACTIVE})
    row = services.reaches(job, ServiceState.RUNNING)
    assert row is not None
    assert row.restarts == 0
    services.starts(2)
    assert len(services.living()) == 1


def test_one_that_waits_can_be_stopped(tmp_path: Path) -> None:
    services = Services(tmp_path, webjobs_restart_time=60.0)
    job = services.add("flapper")
    services.site.start()
    services.reaches(job, ServiceState.WAITING)

    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})

    row = services.reaches(job, ServiceState.STOPPED)
    assert row is not None
    assert (row.next_try_us, row.exits) == (None, 0)
    services.site.close()


def test_one_that_does_not_obey_is_killed_after_its_grace(services: Services) -> None:
    job = services.add("stubborn", policy=Policy(grace=0.3))
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    services.site.store.jobs.delete(job.id)

    services.reaches(job, None)
    assert services.living() == []
    [run] = services.runs(job)
    assert run.signal == signal.SIGKILL


def test_one_that_is_told_to_stop_and_to_start_at_once_starts_anew(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})
    services.reaches(job, ServiceState.STOPPING)
    services.site.store.jobs.change(job.id, None, {"state": JobState.ACTIVE})

    services.starts(2)
    services.reaches(job, ServiceState.RUNNING)
    assert len(services.living()) == 1


def test_a_change_of_what_it_runs_starts_it_anew(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    services.site.store.jobs.change(job.id, None, {"params": {"a": 1}})
    services.starts(2)
    services.reaches(job, ServiceState.RUNNING)

    before, after = services.runs(job)
    assert (before.ended_by, before.reason) == (EndedBy.REPLACED, "The job was changed.")
    assert after.params == {"a": 1}
    assert len(services.living()) == 1


def test_a_change_of_its_description_leaves_it_alone(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)

    changed = services.site.store.jobs.change(job.id, None, {"description": "more", "name": "x"})
    services.site.until(lambda: services.row(job).version == changed.version)  # type: ignore[union-attr]

    assert len(services.runs(job)) == 1
    assert services.state(job) is ServiceState.RUNNING


def test_the_task_s_time_limit_is_none_of_a_service_s(tmp_path: Path) -> None:
    services = Services(tmp_path, job_livetime=0.3)
    services.site.script("slow", f"sleep 1; echo $$ >> {services.signs}; exec sleep 1000")
    job = services.add("slow")
    services.site.start()

    services.starts(1)

    assert len(services.runs(job)) == 1
    services.site.close()


def test_a_task_that_cannot_start_waits_like_any_other(tmp_path: Path) -> None:
    services = Services(tmp_path, webjobs_restart_time=30.0)
    job = services.add("gone")
    services.site.start()

    row = services.reaches(job, ServiceState.WAITING)

    assert row is not None
    assert row.exits == 1
    [run] = services.runs(job)
    assert run.outcome is Outcome.NOT_STARTED
    services.site.close()


def test_app_settings_change_the_restart_time_and_stop_web_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WEB_JOB", "flapper")
    services = Services(tmp_path, webjobs_restart_time=60.0)
    services.site.store.switches.put("app_settings", {"SCM_JOBS_INTERVAL": "7"})
    job = services.add("flapper")
    services.site.start()

    row = services.reaches(job, ServiceState.WAITING)

    assert row is not None
    assert row.next_try_us is not None
    assert row.next_try_us - services.last_end_us(job) == 7 * clock.SECOND
    services.site.close()


def test_one_that_hangs_is_started_anew(services: Services) -> None:
    sick = services.signs.with_name("sick")
    health = Health(command=("test", "!", "-e", str(sick)), interval=0.2, failures=2)
    job = services.add(policy=Policy(health=health))
    services.site.start()
    [first] = services.starts(1)
    services.reaches(job, ServiceState.RUNNING)

    sick.touch()
    services.site.until(lambda: not is_alive(first))
    sick.unlink()

    services.starts(2)
    services.reaches(job, ServiceState.RUNNING)
    run = services.runs(job)[0]
    assert (run.ended_by, run.outcome) == (EndedBy.UNHEALTHY, Outcome.FAILED)
    assert run.reason == "Its health check failed 2 times in a row: it ended with code 1."
    assert services.site.store.runs.count(RunFilter(outcome=Outcome.FAILED)) == 1
    row = services.row(job)
    assert row is not None
    assert row.exits == 1
