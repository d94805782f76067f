"""Continuous jobs after a crash of their supervisor or runner, and where nothing can start."""

import os
import signal
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.model import ON_A_MACHINE, JobState, Outcome, Policy, Run, RunState, ServiceState
from tests.support.services import Services, is_alive
from tests.support.waiting import until


@pytest.mark.parametrize("phase", [ServiceState.STARTING, ServiceState.RUNNING])
def test_a_new_supervisor_adopts_what_lives(services: Services, phase: ServiceState) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, phase)

    services.site.crash()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    assert len(services.runs(job)) == 1
    assert services.living() == services.pids()
    assert len(services.pids()) == 1


def test_a_new_supervisor_goes_on_with_a_stop(services: Services) -> None:
    job = services.add("stubborn", policy=Policy(grace=0.3))
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)
    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})
    services.reaches(job, ServiceState.STOPPING)

    services.site.crash()
    services.site.start()

    services.reaches(job, ServiceState.STOPPED)
    assert services.living() == []


def test_an_end_that_no_supervisor_saw_is_followed_by_a_start(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)
    [pid] = services.starts(1)
    services.site.crash()

    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))
    services.site.start()

    services.starts(2)
    row = services.reaches(job, ServiceState.RUNNING)
    assert row is not None
    assert [run.signal for run in services.runs(job)] == [signal.SIGKILL, None]
    assert len(services.living()) == 1


def test_one_that_waits_is_still_started_by_the_next_supervisor(tmp_path: Path) -> None:
    services = Services(tmp_path, webjobs_restart_time=1.0)
    job = services.add("flapper")
    services.site.start()
    services.reaches(job, ServiceState.WAITING)

    services.site.crash()
    services.site.start()

    assert len(services.starts(2)) == 2
    services.site.close()


@pytest.mark.parametrize("phase", [ServiceState.STARTING, ServiceState.RUNNING])
def test_a_killed_runner_costs_no_service(services: Services, phase: ServiceState) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, phase)
    before = [run.id for run in services.runs(job)]

    services.site.kill_runners()

    services.site.until(lambda: len(services.runs(job)) > 1 or phase is ServiceState.STARTING)
    row = services.reaches(job, ServiceState.RUNNING, 20)
    assert row is not None
    services.site.until(lambda: len(services.living()) == 1)
    first = services.site.run(before[0])
    assert first.outcome is Outcome.LOST or first.id == row.run_id
    assert len([run for run in services.runs(job) if run.state in ON_A_MACHINE]) == 1


def test_a_run_that_no_runner_could_start_is_kept_and_tried_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = services.add()
    supervisor = services.site.start()
    give, refused = supervisor._filler.give, list[Run]()

    def short_of_memory(runner: str, run: Run, lease: float | None = None) -> None:
        if refused:
            give(runner, run, lease)
            return
        refused.append(run)
        facts = {"shortage": True, "reason": "no memory"}
        supervisor._books.run_refused((run.id, run.claim), facts, clock.now_us())

    monkeypatch.setattr(supervisor._filler, "give", short_of_memory)
    row = services.reaches(job, ServiceState.WAITING)
    assert row is not None
    assert (row.run_id, row.exits) == (refused[0].id, 0)

    services.reaches(job, ServiceState.RUNNING)
    services.starts(1)

    [run] = services.runs(job)
    assert (run.id, run.claim) == (refused[0].id, 2)
    assert len(services.living()) == 1


def test_one_that_waits_for_memory_can_be_stopped(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = services.add()
    supervisor = services.site.start()

    def short_of_memory(_: str, run: Run, __: float | None = None) -> None:
        facts = {"shortage": True, "reason": "no memory"}
        supervisor._books.run_refused((run.id, run.claim), facts, clock.now_us())

    monkeypatch.setattr(supervisor._filler, "give", short_of_memory)
    services.reaches(job, ServiceState.WAITING)
    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})

    services.reaches(job, ServiceState.STOPPED)

    [run] = services.runs(job)
    assert (run.state, run.outcome) == (RunState.DONE, Outcome.STOPPED)
    assert services.pids() == []
