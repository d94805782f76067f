"""The verbs on runs as runs of flows: a flow is a job of which one run lives at a time here.

Whatever the overlap policy of the job, a run that is asked for here waits for the one before it
(seed 003). What is older than 30 days is not shown.
"""

import builtins
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from jobsched import clock
from jobsched.errors import (
    AmbiguousName,
    InvalidInput,
    NothingToRetry,
    QueueFull,
    UnknownJob,
    UnknownRecord,
    UnknownRun,
)
from jobsched.model import EndedBy, Overlap, Run, RunState
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.jobs import Jobs
from jobsched.operations.queueing import Queue
from jobsched.operations.records import Records
from jobsched.operations.retention import Retention
from jobsched.storage import Store
from jobsched.storage.flows import FlowFilter, FlowRun, References
from jobsched.storage.paging import Page
from jobsched.storage.searching import JobFilter

DAYS = 30
LARGEST_FAMILY = 1000
MOST_RETRIED = 1000  # runs, by one request for all that has failed
_MOST_NAMED = 1000  # jobs of one name that a filter finds


class Flows:
    """Asking for runs of flows, looking at them, retrying what failed."""

    def __init__(
        self,
        store: Store,
        configuration: Configuration,
        queue: Queue,
        announce: Announcer,
        jobs: Jobs,
        records: Records,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._queue = queue
        self._announce = announce
        self._jobs = jobs
        self._records = records

    def start(self, job: str, references: References, by: str) -> FlowRun:
        """Queue a run of the job that *job* names, by its uuid or its name.

        Raises: UnknownJob, AmbiguousName, InvalidInput, WrongMode, Conflict, QueueFull.
        """
        self._require_flow_run(references)
        new = self._jobs.new_run(self._job_id(job), by, {})
        new = replace(new, policy=replace(new.policy, overlap=Overlap.QUEUE))
        self._queue.require_room()
        made = self._store.flows.add(new, references, self._announce.supervisor)
        self._announce.run("queued", made.run.id, by, name=made.run.name)
        return made

    def get(self, run_id: int) -> FlowRun:
        """Return a run. Raises: UnknownRun, also when it is older than 30 days or deleted."""
        found = self._store.flows.get(run_id, _oldest_us())
        if found is None:
            raise UnknownRun(run_id)
        return found

    def list(
        self, filters: FlowFilter, jobs: Iterable[str] | None, limit: int, cursor: str | None
    ) -> Page[FlowRun]:
        """Return a page of the runs that pass *filters*, newest first.

        *jobs* are uuids and names, of which any will do; None is every job.
        """
        since = max(filters.since_us, _oldest_us())
        keys = None if jobs is None else frozenset(key for one in jobs for key in self._keys(one))
        wanted = replace(filters, since_us=since, jobs=keys)
        return self._store.flows.list(wanted, limit, cursor)

    def family(self, run_id: int) -> builtins.list[FlowRun]:
        """Return the parts of a run and its retries, the oldest first, at most 1000."""
        return self._store.flows.family(run_id, _oldest_us(), LARGEST_FAMILY)

    def change(
        self, run_id: int, references: References, by: str, *, cancel: bool = False
    ) -> FlowRun:
        """Give a run other *references*; with *cancel*, ask it to stop as well.

        Raises: UnknownRun; InvalidInput when it would be a part of itself, or of no run;
            RunAlreadyFinished, and then nothing has changed.
        """
        found = self.get(run_id)
        if references.flow_run == run_id:
            message = "_flowJobId must be another job."
            raise InvalidInput.field("_flowJobId", "choice", message)
        self._require_flow_run(references)
        if cancel:
            self.cancel(run_id, by)
        if references != found.references:
            self._store.flows.change(run_id, references)
        return self.get(run_id)

    def names(self, run: Run, job: str) -> bool:
        """Return whether *job*, a uuid or a name, stands for the job of *run*."""
        return run.job_key in self._keys(job)

    def cancel(self, run_id: int, by: str) -> FlowRun:
        """Ask a run to stop; one that waits is done at once.

        Raises: UnknownRun, RunAlreadyFinished.
        """
        self.get(run_id)
        run = self._queue.stop(run_id, EndedBy.STOP, f"stopped by {by}")
        self._announce.run("stopping", run.id, by)
        return self.get(run_id)

    def delete(self, run_id: int, by: str) -> None:
        """Delete a run with its history; one that lives is stopped, and goes when it has ended.

        Raises: UnknownRun.
        """
        self.get(run_id)
        self._queue.stop_if_alive(run_id, EndedBy.STOP, f"deleted by {by}")
        self._store.flows.hide(run_id)
        run = self._store.runs.get(run_id)
        if run is not None and run.state is RunState.DONE:
            Retention(self._configuration.settings, self._store).forget_runs([run_id])

    def retry(self, run_id: int, by: str) -> FlowRun:
        """Queue a run again with its open records.

        Raises: UnknownRun, Conflict when there is nothing to retry, QueueFull.
        """
        self.get(run_id)
        return self.get(self._retry_open(run_id, by))

    def retry_record(self, run_id: int, record_id: int, by: str) -> FlowRun:
        """Queue the last run of a record that failed in the run *run_id*, with this one only.

        Raises: UnknownRun, UnknownRecord, Conflict unless it is open, QueueFull.
        """
        self.get(run_id)
        self._require_failed_in(run_id, record_id)
        self._store.flows.adopt(self._records.get(record_id).last_run_id)
        return self.get(self._records.retry(record_id, by, waits=True).id)

    def retry_records(self, run_id: int, by: str) -> builtins.list[FlowRun]:
        """Retry every open record of a run, wherever in the line of its retries it failed last.

        A queue that fills up on the way ends it; what was made until then is returned.

        Raises: UnknownRun, NothingToRetry, Conflict; QueueFull when not even one could wait.
        """
        self.get(run_id)
        made: builtins.list[int] = []
        try:
            for holder in self._store.flows.holders(run_id, MOST_RETRIED):
                with suppress(NothingToRetry):  # somebody else was faster
                    made.append(self._retry_open(holder, by))
        except QueueFull:
            if not made:
                raise
        if not made:
            raise NothingToRetry(f"No failed record of run {run_id} waits for a retry.", run=run_id)
        return [*self._store.flows.by_ids(made, _oldest_us()).values()]

    def _retry_open(self, run_id: int, by: str) -> int:
        self._store.flows.adopt(run_id)
        return self._records.retry_open(run_id, by, waits=True).id

    def _require_failed_in(self, run_id: int, record_id: int) -> None:
        if not self._store.flows.has_failed_in(run_id, record_id):
            raise UnknownRecord(record_id)

    def _require_flow_run(self, references: References) -> None:
        if references.flow_run is None:
            return
        try:
            self.get(references.flow_run)
        except UnknownRun:
            message = f"_flowJobId: there is no job {references.flow_run}."
            raise InvalidInput.field("_flowJobId", "unknown", message) from None

    def _job_id(self, job: str) -> str:
        """Return the uuid of the one job that *job* names. Raises: UnknownJob, AmbiguousName."""
        if (known := _uuid(job)) is not None and self._store.jobs.get(known) is not None:
            return known
        found = self._store.jobs.list(JobFilter(name=job), 2).values
        if not found:
            raise UnknownJob(job)
        if len(found) > 1:
            raise AmbiguousName(job)
        return found[0].id

    def _keys(self, job: str) -> builtins.list[int]:
        """Return the numbers of the jobs that *job* names, also of a deleted one by its uuid."""
        if (known := _uuid(job)) is not None:
            found = self._store.jobs.get(known, deleted=True)
            if found is not None:
                return [found.key]
        return [one.key for one in self._store.jobs.list(JobFilter(name=job), _MOST_NAMED).values]


def _uuid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def _oldest_us() -> int:
    return clock.now_us() - DAYS * 24 * 3600 * clock.SECOND
