"""Real scheduler processes: killed or frozen, they neither lose nor double a moment (7, 8)."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.clock import SECOND
from jobsched.model import CatchUp, Job, Misfire, Mode, Overlap, Policy
from jobsched.storage.firing import LEASE
from jobsched.storage.newjobs import NewJob
from jobsched.triggers import parse
from tests.support.databases import migrated
from tests.support.waiting import until

PROGRAM = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from jobsched.scheduling import service
folder = Path(sys.argv[1])
settings = SimpleNamespace(data_dir=folder, database_url=f"sqlite:///{folder}/jobsched.db")
service.run(settings, lambda: None, threading.Event(), lambda topic: None)
"""
STEP = SECOND // 5


class Schedulers:
    """Several scheduler processes over one database with one job of five moments a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.store = migrated(f"sqlite:///{folder}/jobsched.db")
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> int:
        command = [sys.executable, "-c", PROGRAM, str(self._folder)]
        process = subprocess.Popen(command)
        self._processes[process.pid] = process
        return process.pid

    def add_job(self) -> Job:
        now_us = clock.now_us()
        trigger = parse({"interval": {"seconds": 0.2}}, created_us=now_us)
        # All moments run, so that a gap in the series would be a loss.
        misfire = Misfire(grace=None, catch_up=CatchUp.ALL)
        policy = Policy(max_instances=10_000, overlap=Overlap.QUEUE, misfire=misfire)
        return self.store.jobs.add(
            NewJob(
                id="often",
                name="often",
                task="example",
                mode=Mode.SCHEDULED,
                created_us=now_us,
                trigger=trigger.to_json(),
                policy=policy,
                next_us=trigger.first(now_us),
            )
        )

    def leader(self) -> int | None:
        """Return the process that leads, None while none does."""
        held = self.store.leases.read(LEASE)
        if held is None or held.expires_us <= clock.now_us():
            return None
        pid = int(held.owner.split(":")[1])
        return pid if pid in self._processes else None

    def dues(self) -> list[int]:
        with self.store.database.read() as connection:
            query = "SELECT due_us FROM runs ORDER BY due_us"
            return [due for (due,) in connection.exec_driver_sql(query)]

    def grow(self, more: int) -> None:
        """Wait until so many more runs have been made."""
        before = len(self.dues())
        until(lambda: len(self.dues()) >= before + more, 30)

    def signal(self, pid: int, number: signal.Signals) -> None:
        os.kill(self._processes[pid].pid, number)

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self.store.close()


@pytest.fixture
def schedulers(tmp_path: Path) -> Iterator[Schedulers]:
    schedulers = Schedulers(tmp_path)
    yield schedulers
    schedulers.close()


def _is_whole(dues: list[int]) -> bool:
    return all(later - earlier == STEP for earlier, later in pairwise(dues))


def test_killed_leaders_are_followed_at_once_without_a_gap_or_a_double(
    schedulers: Schedulers,
) -> None:
    schedulers.add_job()
    for _ in range(3):
        schedulers.start()
        schedulers.start()
        leader = until(schedulers.leader) or 0
        schedulers.grow(5)
        schedulers.signal(leader, signal.SIGKILL)
        until(lambda dead=leader: schedulers.leader() not in {None, dead}, 5)  # type: ignore[misc]
        schedulers.grow(5)

    assert _is_whole(schedulers.dues())


def test_a_frozen_leader_loses_the_lead_and_doubles_nothing(schedulers: Schedulers) -> None:
    schedulers.add_job()
    first = schedulers.start()
    until(lambda: schedulers.leader() == first)
    second = schedulers.start()
    schedulers.grow(3)

    schedulers.signal(first, signal.SIGSTOP)
    until(lambda: schedulers.leader() == second, 20)
    schedulers.grow(5)
    schedulers.signal(first, signal.SIGCONT)
    schedulers.grow(10)

    assert schedulers.leader() == second
    assert _is_whole(schedulers.dues())
