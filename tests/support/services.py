"""Continuous jobs of a site: added, awaited in a state, counted by the signs they leave."""

from pathlib import Path
from typing import Any

import psutil

from jobsched import clock
from jobsched.model import Job, Mode, Run, ServiceState
from jobsched.storage.searching import RunFilter
from jobsched.storage.services import Service
from tests.support.rows import add_job
from tests.support.supervision import Site


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

    def last_end_us(self, job: Job) -> int:
        """Return when the last run that is over ended, in microseconds."""
        return max(clock.to_us(run.ended_at) for run in self.runs(job) if run.ended_at)

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
    """Return whether *pid* has not ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
