"""The verbs on failed records that every interface uses: show, change what they hold, retry."""

import logging

from jobsched import clock
from jobsched.errors import NothingToRetry, RunNotFinished, UnknownRun
from jobsched.events import Event, publish
from jobsched.model import JobState, Record, RecordState, Run, RunState
from jobsched.operations.queueing import Queue
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.newruns import NewRun
from jobsched.storage.paging import Page
from jobsched.storage.records import not_open


class Records:
    """What failed in runs, record by record."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue

    def of_run(
        self, run_id: int, cursor: str | None, limit: int, state: RecordState | None = None
    ) -> Page[Record]:
        """Return a page of the records that failed in a run, in the order of its report.

        Each as it stands now, with the message that this run gave. Raises: UnknownRun.
        """
        if self._store.runs.get(run_id) is None:
            raise UnknownRun(run_id)
        return self._store.records.of_run(run_id, limit, cursor, state)

    def get(self, record_id: int) -> Record:
        """Return a record. Raises: UnknownRecord."""
        return self._store.records.get(record_id)

    def change_data(self, record_id: int, data: object, by: str) -> Record:
        """Give a record other *data* (any JSON value), which its next retry gets.

        Raises: UnknownRecord; Conflict unless it is open.
        """
        record = self._store.records.change_data(record_id, data)
        fields: dict[str, object] = {"record": record_id, "run": record.last_run_id, "by": by}
        publish(Event(name="record changed", level=logging.INFO, fields=fields))
        return record

    def retry(
        self, record_id: int, by: str, key: IdempotencyKey | None = None, *, waits: bool = False
    ) -> Run:
        """Queue the last run of a record again, with this one record only; *waits* as for a queue.

        When that run has gone with its history, its job is run as it is now.

        Raises: UnknownRecord, UnknownRun when its job has gone as well, Conflict unless it is open,
        RunNotFinished, WrongMode, JobBusy, QueueFull, KeyReused.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        record = self.get(record_id)
        if record.state is not RecordState.OPEN:
            raise not_open(record)
        if self._store.runs.get(record.last_run_id) is None:
            return self._queue.add(self._without_run(record, by), key)
        return self._queue.retry(record.last_run_id, by, key, record_id, waits=waits)

    def retry_open(
        self, run_id: int, by: str, key: IdempotencyKey | None = None, *, waits: bool = False
    ) -> Run:
        """Queue a run again with all its open records; *waits* as for a queue.

        Raises: UnknownRun, RunNotFinished, NothingToRetry, WrongMode, QueueFull, KeyReused.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        run = self._store.runs.get(run_id)
        if run is None:
            raise UnknownRun(run_id)
        if run.state is not RunState.DONE:
            raise RunNotFinished(run_id)
        if not run.retriable and not run.counts.error:
            raise NothingToRetry(f"Nothing has failed in run {run_id}.", run=run_id)
        return self._queue.retry(run_id, by, key, waits=waits)

    def _without_run(self, record: Record, by: str) -> NewRun:
        """Return the run that retries a *record* whose last run has gone. Raises: UnknownRun."""
        found = self._store.jobs.by_keys([] if record.job_key is None else [record.job_key])
        job = next(iter(found.values()), None)
        if job is None or job.state is JobState.DELETED:
            raise UnknownRun(record.last_run_id)
        return NewRun(
            name=job.name,
            task=job.task,
            created_us=clock.now_us(),
            job_key=job.key,
            params=job.params,
            policy=job.policy,
            requested_by=by,
            retry_of=record.last_run_id,
            record=record.id,
        )
