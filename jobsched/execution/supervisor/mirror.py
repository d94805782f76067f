"""The services of this machine in memory, as their rows have them: nobody else writes those."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobsched.clock import SECOND, to_us
from jobsched.events import Event, publish
from jobsched.execution.supervisor.restarting import FREE
from jobsched.model import Job, Run, ServiceState
from jobsched.storage import Store
from jobsched.storage.services import Leave, Service


class Mirror:
    """The services of *node*, and the uuid and task of their jobs."""

    def __init__(self, store: Store, node: str) -> None:
        self._store = store
        self._node = node
        self._rows: dict[int, Service] = {}
        self._jobs: dict[int, tuple[str, str]] = {}

    def load(self) -> list[Job]:
        """Read all rows again; return the jobs of which a run is in hand, alive or to be tried."""
        self._rows = {row.job_key: row for row in self._store.services.of_node(self._node)}
        jobs = self._store.jobs.by_keys(self._rows)
        for job in jobs.values():
            self.know(job)
        return [jobs[key] for key, row in self._rows.items() if row.run_id is not None]

    def know(self, job: Job) -> None:
        """Remember what *job* is called and does."""
        self._jobs[job.key] = (job.id, job.task)

    def task(self, job_key: int) -> str:
        """Return the task of a job, "" for one never heard of."""
        return self._jobs.get(job_key, ("", ""))[1]

    def row(self, job_key: int) -> Service:
        """Return where a service stands; one without a row rests."""
        return self._rows.get(job_key) or Service(job_key=job_key, node=self._node)

    def note(self, row: Service) -> None:
        """Remember what has been written."""
        self._rows[row.job_key] = row

    def put(self, rows: Sequence[Service], now_us: int) -> None:
        """Write *rows*, and remember them."""
        self._store.services.put(rows, now_us)
        for row in rows:
            self.note(row)

    def forget(self, job_key: int) -> None:
        """Remove the row of a service whose job is gone."""
        self._store.services.forget(self._node, job_key)
        self._rows.pop(job_key, None)
        self._jobs.pop(job_key, None)

    def wait_of(self, run: Run) -> float | None:
        """Return for how many seconds the service waits whose *run* has ended; None if not."""
        row = self.row(run.job_key or 0)
        if row.state is not ServiceState.WAITING or row.next_try_us is None or run.ended_at is None:
            return None
        return (row.next_try_us - to_us(run.ended_at)) / SECOND

    @property
    def due_us(self) -> int | None:
        """When the first of those that wait is started again."""
        return min(self._due(), default=None)

    def tell(
        self,
        name: str,
        job_key: int,
        level: int = logging.INFO,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """Publish what has become of a service."""
        job_id, _ = self._jobs.get(job_key, ("", ""))
        publish(Event(name=name, level=level, fields={"job": job_id, **(facts or {})}))

    def tell_end(self, leave: Leave, wait: float) -> None:
        """Publish that a service's run has ended; the next one begins in *wait* seconds."""
        facts = {"run": leave.run_id, "exits": leave.exits, "wait": f"{wait:.3f}"}
        if leave.exits > FREE:
            self.tell("service backing off", leave.job_key, logging.WARNING, facts)
        else:
            self.tell("service ended", leave.job_key, logging.INFO, facts)

    def _due(self) -> Iterable[int]:
        for row in self._rows.values():
            if row.state is ServiceState.WAITING and row.next_try_us is not None:
                yield row.next_try_us


def coming_into(row: Service, state: ServiceState, now_us: int, **changes: Any) -> Service:
    """Return *row* as it is when it comes into *state*."""
    return replace(row, **{"state": state, "since_us": now_us, "next_try_us": None, **changes})
