"""Jobs, runs, occurrences and the facts about an end, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobsched.model.policy import Policy
from jobsched.model.words import (
    EndedBy,
    JobState,
    Mode,
    OccurrenceOutcome,
    Outcome,
    RecordState,
    RunState,
    WebJobType,
    outcome_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """When a task runs, and how. *key* is the internal number, *id* the uuid users see.

    *trigger* is the canonical JSON form of spec/preview.md, or None. *next_run* is the next
    moment at which the scheduler looks at the job; what users are shown is None unless active.
    *paused_from* is the first moment that a pause or a block swallows; *seen_at* is up to when the
    ledger tells everything that the trigger omitted.
    """

    key: int
    id: str
    name: str
    task: str
    mode: Mode
    trigger: Mapping[str, object] | None
    policy: Policy
    params: Mapping[str, object]
    group: str | None
    tags: tuple[str, ...]
    description: str | None
    state: JobState
    state_reason: str | None
    paused_until: datetime | None
    next_run: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    paused_from: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebJob:
    """What the folder of a web job holds, as it was seen last; the job itself is a ``Job``.

    *script* is the path of what runs, from *folder* on; None when there is nothing that can run.
    *settings* is the whole of settings.job. *error* says what is wrong with the folder. *inputs*
    is what the job's trigger and policy were made of; *fingerprint* changes with its files.
    """

    job_key: int
    job_id: str
    type: WebJobType
    name: str
    folder: str
    script: str | None
    settings: Mapping[str, Any]
    error: str | None
    in_place: bool
    disabled: bool
    fingerprint: str
    inputs: str
    deployed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Records that a run reported."""

    success: int = 0
    error: int = 0
    ignore: int = 0

    def __bool__(self) -> bool:
        return bool(self.success or self.error or self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution. *attempt* counts retries from 1, *claim* how often it was handed out.

    *reported* says whether it counted records itself. *open_records* is how many failed ones,
    of which it is the last run, wait for a retry; ``counts.error`` is what of it is still failed.
    """

    id: int
    job_key: int | None
    job_id: str | None
    name: str
    task: str
    state: RunState
    queue: str
    priority: int
    params: Mapping[str, object]
    policy: Policy
    requested_by: str | None
    due_at: datetime | None
    created_at: datetime
    not_before: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int
    claim: int
    retry_of: int | None
    retried_by: int | None
    node: str | None
    exit_code: int | None
    signal: int | None
    ended_by: EndedBy | None
    reason: str | None
    counts: Counts
    progress: float | None
    progress_text: str | None
    cpu_seconds: float | None
    peak_memory: int | None
    out_bytes: int
    err_bytes: int
    reported: bool = False
    open_records: int = 0

    @property
    def retriable(self) -> bool:
        """Whether there is something that a retry would do."""
        return self.state is RunState.DONE and self.open_records > 0

    @property
    def outcome(self) -> Outcome | None:
        """The one word for its end, None until done."""
        return None if self.ended_by is None else outcome_of(self.ended_by, self.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One failed record, the same *id* for its whole life, however often it is retried.

    *run_id* reported it first, as its *number*-th (0: it stands for the whole run, which failed
    without naming a record); *last_run_id* is the newest run in which it failed, *given_to* the
    one that retries it now. *message* and *code* are those of the run that was asked about, else
    of the last. *data* is any JSON value. *attempts* counts how often it was tried.
    """

    id: int
    run_id: int
    number: int
    job_key: int | None
    message: str
    code: str | None
    data: Any
    state: RecordState
    last_run_id: int
    given_to: int | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One planned moment and what became of it; with *count* > 1 a whole stretch of them."""

    due_at: datetime
    outcome: OccurrenceOutcome
    reason: str | None
    run_id: int | None
    late_by: float | None
    last_due_at: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The facts about how one claim of a run ended, as its runner journalled them.

    *exceptions* are the classes of what a Python task raised, its own first and then its bases,
    such as ``builtins.ConnectionError``.
    """

    run_id: int
    claim: int
    ended_by: EndedBy
    reason: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    started_us: int | None = None
    ended_us: int = 0
    cpu_us: int | None = None
    peak_bytes: int | None = None
    out_bytes: int = 0
    err_bytes: int = 0
    counts: Counts = field(default_factory=Counts)
    exceptions: tuple[str, ...] = ()
