"""Continuous jobs that run on one machine at a time, with two supervisors of one data folder."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobsched import catalog
from jobsched.execution.supervisor import rights
from jobsched.execution.supervisor.loop import Supervisor
from jobsched.model import Job, JobState, Policy, ServiceState
from tests.support.services import Services
from tests.support.waiting import until


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

    machines.until(lambda: len(machines.services.living()) == 2)


def test_W43_one_machine_at_a_time_runs_a_singleton(machines: Machines) -> None:
    job = machines.services.add(policy=Policy(singleton=True))

    machines.until(lambda: len(machines.run_on(job)) == 1)
    machines.until(lambda: ServiceState.INACTIVE in machines.states(job).values())

    machines.until(lambda: len(machines.services.living()) == 1)
    machines.services.site.store.jobs.change(job.id, None, {"policy": Policy()})
    machines.until(lambda: machines.run_on(job) == {"one", "two"})
    machines.until(lambda: len(machines.services.living()) == 2)
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
