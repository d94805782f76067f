"""The verbs on runs that every interface uses: ask for one, show, list, stop, retry."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jobsched import clock
from jobsched.errors import InvalidInput, UnknownRun
from jobsched.model import EndedBy, Run
from jobsched.operations import drafts
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.policies import default_policy, merged
from jobsched.operations.queueing import Queue
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.newruns import NewRun
from jobsched.storage.paging import Page
from jobsched.storage.searching import RunFilter

PATIENCE = timedelta(minutes=1)  # what lies no further in the past is meant for now


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run that somebody wants, without a job; *policy* as in ``policies.merged``."""

    task: str
    name: str | None = None
    at: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


class Runs:
    """Asking for runs and looking at them."""

    def __init__(
        self, store: Store, configuration: Configuration, queue: Queue, announce: Announcer
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._queue = queue
        self._announce = announce

    def start(self, draft: RunDraft, by: str, key: IdempotencyKey | None = None) -> Run:
        """Queue a run of a task.

        Raises: UnknownTask, InvalidInput, QueueFull, KeyReused.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        now = clock.now()
        task = self._configuration.catalog.offered(draft.task)
        wrong = drafts.params_mistakes(task, draft.params)
        if draft.at is not None and draft.at < now - PATIENCE:
            message = "at lies more than a minute in the past."
            wrong.extend(InvalidInput.field("at", "past", message).errors)
        if wrong:
            raise InvalidInput(wrong)
        default = default_policy(task, self._configuration.settings.job_defaults, None)
        new = NewRun(
            name=draft.name or draft.task,
            task=draft.task,
            created_us=clock.to_us(now),
            params=draft.params,
            policy=merged(default, default, draft.policy),
            requested_by=by,
        )
        return self._queue.add(_at(new, draft.at), key)

    def get(self, run_id: int) -> Run:
        """Return a run. Raises: UnknownRun."""
        run = self._store.runs.get(run_id)
        if run is None:
            raise UnknownRun(run_id)
        return run

    def list(self, filters: RunFilter, limit: int, cursor: str | None) -> Page[Run]:
        """Return a page of the runs that pass *filters*, newest first."""
        return self._store.runs.list(filters, limit, cursor)

    def stop(
        self, run_id: int, by: str, reason: str | None = None, ended_by: EndedBy = EndedBy.STOP
    ) -> Run:
        """Ask a run to stop; one that waits is done at once.

        Raises: UnknownRun, RunAlreadyFinished.
        """
        asked = f"stopped by {by}" + (f": {reason}" if reason else "")
        run = self._queue.stop(run_id, ended_by, asked)
        self._announce.run("stopping", run_id, by, reason=reason)
        return run

    def retry(self, run_id: int, by: str, key: IdempotencyKey | None = None) -> Run:
        """Queue the same once more; ``Retries`` has the verbs on what failed.

        Raises: UnknownRun, RunNotFinished, NotRetriable, WrongMode, JobBusy, Conflict, QueueFull,
            KeyReused.
        """
        return self._queue.retry(run_id, by, key)


def _at(new: NewRun, at: datetime | None) -> NewRun:
    if at is None:
        return new
    moment = max(clock.to_us(at), new.created_us)
    return replace(new, due_us=moment, not_before_us=moment)
