"""Continuous jobs under a supervisor that is driven turn by turn, with real runners."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobsched import catalog, clock, events
from jobsched.events import Event
from jobsched.execution.supervisor import keeping
from jobsched.execution.supervisor.loop import Supervisor
from jobsched.model import (
    ON_A_MACHINE,
    EndedBy,
    Health,
    Job,
    JobState,
    Mode,
    Outcome,
    Policy,
    Run,
    RunState,
    ServiceState,
)
from jobsched.storage.searching import RunFilter
from jobsched.storage.services import Service
from tests.support.rows import add_job
from tests.support.supervision import Site
from tests.support.waiting import until


class Services:
    """A site whose services write down that they are there."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        (folder / "site").mkdir()
        self.site = Site(folder / "site", **{"webjobs_restart_time": 0.0, **settings})
        self.signs = folder / "signs"
        self.site.script("steady", f"echo $$ >> {self.signs}; exec sleep 1000")
        self.site.script("flapper", f"echo $$ >> {self.signs}; exit 3")
        self.site.script("stubborn", f"trap '' TERM; echo $$ >> {self.signs}; sleep 1000")

    def add(self, task: str = "steady", **changes: Any) -> Job:
        values = {"mode": Mode.CONTINUOUS, "trigger": None, "next_us": None, **changes}
        return add_job(self.site.store, task=task, created_us=clock.now_us(), **values)

    def pids(self) -> list[int]:
        """Return the main processes of all services so far, in the order of their starts."""
        return [int(pid) for pid in self.signs.read_text().split()] if self.signs.exists() else []

    def living(self) -> list[int]:
        return [pid for pid in self.pids() if is_alive(pid)]

    def row(self, job: Job, node: str = "here") -> Service | None:
        rows = self.site.store.services.of_jobs([job.key]).get(job.key, [])
        return next((row for row in rows if row.node == node), None)

    def state(self, job: Job, node: str = "here") -> ServiceState | None:
        row = self.row(job, node)
        return None if row is None else row.state

    def runs(self, job: Job) -> list[Run]:
        return self.site.store.runs.list(RunFilter(job=job.id), 100).values[::-1]

    def reaches(
        self, job: Job, state: ServiceState | None, seconds: float = 10.0
    ) -> Service | None:
        self.site.until(lambda: self.state(job) is state, seconds)
        return self.row(job)

    def starts(self, count: int) -> list[int]:
        """Turn until services have started *count* times; return their pids."""
        self.site.until(lambda: len(self.pids()) >= count)
        return self.pids()


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path)
    yield services
    services.site.close()


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

    run = services.site.queue("short")

    assert services.site.until_done(run).outcome is Outcome.SUCCEEDED
    assert len(services.living()) == 3
    services.site.close()


def test_after_kill_9_it_is_started_again_at_once(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)

    os.kill(services.pids()[-1], signal.SIGKILL)

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
    [run] = services.runs(job)
    assert run.ended_at is not None
    assert row.next_try_us - clock.to_us(run.ended_at) == clock.SECOND
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
    assert row.next_try_us - row.since_us == pytest.approx(2 * clock.SECOND, abs=clock.SECOND / 2)
    [event] = [event for event in told if event.name == "service backing off"]
    assert event.fields["exits"] == 6


def test_W39_W40_a_stopped_one_ends_and_starts_when_told(services: Services) -> None:
    job = services.add()
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)

    services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})
    services.reaches(job, ServiceState.STOPPED)

    assert services.living() == []
    [run] = services.runs(job)
    assert (run.outcome, run.ended_by) == (Outcome.STOPPED, EndedBy.STOP)
    services.site.store.jobs.change(job.id, None, {"state": JobState.ACTIVE})
    row = services.reaches(job, ServiceState.RUNNING)
    assert row is not None
    assert row.restarts == 0
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
    assert row.next_try_us - row.since_us == pytest.approx(7 * clock.SECOND, abs=clock.SECOND / 2)
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


# What a crash leaves behind


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


# Singletons


class Machines:
    """Two supervisors of one data folder."""

    def __init__(self, services: Services) -> None:
        self.services = services
        site = services.site
        tasks = catalog.load(site.settings.conf_dir, site.settings.tasks_dir)
        self.all = {
            node: Supervisor(replace(site.settings, node=node), site.store, tasks)
            for node in ("one", "two")
        }
        for supervisor in self.all.values():
            supervisor.begin()

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        def turned() -> Any:
            for supervisor in self.all.values():
                supervisor.turn()
            return condition()

        until(turned, seconds)

    def states(self, job: Job) -> dict[str, ServiceState | None]:
        return {node: self.services.state(job, node) for node in ("one", "two")}

    def run_on(self, job: Job) -> set[str]:
        states = self.states(job)
        return {node for node, state in states.items() if state is ServiceState.RUNNING}

    def crash(self, node: str) -> None:
        self.all.pop(node).close()

    def close(self) -> None:
        for supervisor in self.all.values():
            supervisor.close()


@pytest.fixture
def machines(services: Services) -> Iterator[Machines]:
    machines = Machines(services)
    yield machines
    machines.close()


def test_every_machine_runs_its_copy(machines: Machines) -> None:
    job = machines.services.add()

    machines.until(lambda: machines.run_on(job) == {"one", "two"})

    assert len(machines.services.living()) == 2


def test_W43_one_machine_at_a_time_runs_a_singleton(machines: Machines) -> None:
    job = machines.services.add(policy=Policy(singleton=True))

    machines.until(lambda: len(machines.run_on(job)) == 1)
    machines.until(lambda: ServiceState.INACTIVE in machines.states(job).values())

    assert len(machines.services.living()) == 1
    machines.services.site.store.jobs.change(job.id, None, {"policy": Policy()})
    machines.until(lambda: machines.run_on(job) == {"one", "two"})
    assert len(machines.services.pids()) == 2  # the one that ran goes on
    machines.services.site.store.jobs.change(job.id, None, {"policy": Policy(singleton=True)})
    machines.until(lambda: len(machines.run_on(job)) == 1)
    machines.until(lambda: len(machines.services.living()) == 1)


def test_a_stopped_singleton_gives_its_right_back(machines: Machines) -> None:
    job = machines.services.add(policy=Policy(singleton=True))
    machines.until(lambda: len(machines.run_on(job)) == 1)

    machines.services.site.store.jobs.change(job.id, None, {"state": JobState.PAUSED})

    machines.until(lambda: set(machines.states(job).values()) <= {ServiceState.STOPPED, None})
    lease = machines.services.site.store.leases.read(f"service:{job.key}")
    assert lease is not None
    assert lease.expires_us == 0


def test_another_machine_takes_a_singleton_over_and_never_are_there_two(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobsched.execution.supervisor import rights

    monkeypatch.setattr(rights, "LEASE", 3.0)
    monkeypatch.setattr(rights, "RENEW", 0.5)
    monkeypatch.setattr(rights, "_MARGIN", 1.0)
    job = machines.services.add(policy=Policy(singleton=True))
    machines.until(lambda: len(machines.run_on(job)) == 1)
    [holder] = machines.run_on(job)
    other = "two" if holder == "one" else "one"
    machines.until(lambda: len(machines.services.living()) == 1)

    machines.crash(holder)  # its runner lives on, and with it the service
    seen = set[int]()

    def taken_over() -> bool:
        seen.add(len(machines.services.living()))
        return machines.services.state(job, other) is ServiceState.RUNNING

    machines.until(taken_over, 15)
    machines.until(lambda: len(machines.services.pids()) == 2)

    assert seen <= {0, 1}
    assert len(machines.services.living()) == 1


def test_a_supervisor_that_comes_back_keeps_its_singleton(services: Services) -> None:
    job = services.add(policy=Policy(singleton=True))
    services.site.start()
    services.reaches(job, ServiceState.RUNNING)

    services.site.crash()
    services.site.start()
    lease = services.site.store.leases.read(f"service:{job.key}")
    assert lease is not None
    services.site.until(lambda: _epoch(services, job) > lease.epoch)

    assert len(services.runs(job)) == 1
    assert services.state(job) is ServiceState.RUNNING


def _epoch(services: Services, job: Job) -> int:
    lease = services.site.store.leases.read(f"service:{job.key}")
    return 0 if lease is None else lease.epoch
