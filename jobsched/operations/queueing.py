"""Putting runs into the queue, which has a limit, and asking them to stop."""

import threading
from collections.abc import Mapping
from contextlib import suppress

from jobsched import clock
from jobsched.catalog import WEB_JOB
from jobsched.errors import QueueFull, RunAlreadyFinished
from jobsched.model import EndedBy, Run, RunState
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.newruns import NewRun
from jobsched.webjobs import appsettings

_FRESH = 1.0  # seconds that a count of the queue is believed
_COUNTING = 1e-6  # seconds for one queued run: a full queue is counted again after as long


class Queue:
    """The door to the queue."""

    def __init__(self, store: Store, configuration: Configuration, announce: Announcer) -> None:
        self._store = store
        self._configuration = configuration
        self._announce = announce
        self._lock = threading.Lock()
        self._queued = 0
        self._counted_at = float("-inf")

    def made(self, key: IdempotencyKey | None) -> Run | None:
        """Return the run that *key* has already made, if it has. Raises: KeyReused."""
        if key is None:
            return None
        made = self._store.idempotency.made(key, clock.now_us())
        return None if made is None else self._store.runs.get(int(made))

    def add(self, new: NewRun, key: IdempotencyKey | None = None) -> Run:
        """Queue *new* and wake who starts it. Raises: QueueFull, JobBusy, UnknownJob, KeyReused."""
        self.require_room()
        run = self._store.runs.add(new, key, self._announce.supervisor)
        self._announce.run("queued", run.id, new.requested_by or "-", name=run.name)
        return run

    def retry(
        self,
        run_id: int,
        by: str,
        key: IdempotencyKey | None = None,
        record: int | None = None,
        *,
        waits: bool = False,
    ) -> Run:
        """Queue the run *run_id* once more, with its failed records or only *record*.

        One that *waits* is queued whatever the overlap policy of its job.

        Raises: QueueFull, UnknownRun, RunNotFinished, WrongMode, NothingToRetry, NotRetriable,
            JobBusy under ``skip``, Conflict while no web job runs, KeyReused.
        """
        if (made := self.made(key)) is not None:
            return made
        self.require_room()
        run = self._store.runs.retry(
            run_id, by, key, record=record, waits=waits, barred=self.barred()
        )
        self._announce.supervisor()
        self._announce.run("queued", run.id, by, name=run.name, retry_of=run_id)
        return run

    def stop(self, run_id: int, ended_by: EndedBy, reason: str) -> Run:
        """Ask a run to stop. Raises: UnknownRun, RunAlreadyFinished."""
        run = self._store.runs.request_stop(run_id, ended_by, reason, clock.now_us())
        self._announce.supervisor()
        return run

    def stop_if_alive(self, run_id: int, ended_by: EndedBy, reason: str) -> None:
        """Ask a run to stop that may have finished in the meantime."""
        with suppress(RunAlreadyFinished):
            run = self.stop(run_id, ended_by, reason)
            if run.state is not RunState.DONE:
                self._announce.run("stopping", run_id, "-")

    def barred(self) -> Mapping[str, str]:
        """Return the tasks of which nothing runs at present, each with the reason."""
        if not appsettings.read(self._store.switches, self._configuration.settings).stopped:
            return {}
        return {WEB_JOB: f"No web job runs at present: {appsettings.STOPPED} is set."}

    def require_room(self) -> None:
        """Take a place in the queue. Raises: QueueFull when as many runs wait as may."""
        self.reserve(1)

    def reserve(self, wanted: int) -> int:
        """Take up to *wanted* places in the queue; return how many there were, at least one.

        Raises: QueueFull when as many runs wait as the settings allow.
        """
        limit = self._configuration.settings.queue_limit
        with self._lock:
            self._count_again(_FRESH)
            if self._queued + wanted > limit:
                # Runs may have left the queue since; counting few of them costs next to nothing.
                self._count_again(min(_FRESH, limit * _COUNTING))
            if self._queued >= limit:
                raise QueueFull(f"The queue is full: {self._queued} runs wait already.")
            places = min(wanted, limit - self._queued)
            self._queued += places
        return places

    def _count_again(self, seconds: float) -> None:
        """Count the queue unless that was done within the last *seconds*."""
        now = clock.monotonic()
        if now - self._counted_at > seconds:
            self._queued = self._store.runs.queued()
            self._counted_at = now
