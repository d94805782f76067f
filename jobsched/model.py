"""What the program is about: tasks, jobs, runs, occurrences; their states and rules. No I/O.

A *job* says when a task runs. A *run* is one execution. An *occurrence* is one planned moment
of a job and what became of it. State (where a run is on its way) and result (the facts about
its end) are kept apart; every interface derives its own words from the facts.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Mode(StrEnum):
    """What starts a job's runs."""

    SCHEDULED = "scheduled"
    TRIGGERED = "triggered"
    CONTINUOUS = "continuous"


class Dst(StrEnum):
    """What a change of the clock does to a time of day that it leaps over or repeats."""

    ONCE = "once"  # leapt over: right after the gap; repeated: the first time only
    SKIP = "skip"  # leapt over: not at all
    BOTH = "both"  # repeated: each time


class OnExcluded(StrEnum):
    """What becomes of a moment on a day that a calendar excludes."""

    SKIP = "skip"
    PREVIOUS = "previous"  # the same time on the nearest open day before
    NEXT = "next"  # ... after


class JobState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"  # its trigger has no further moment; it stays in the list
    BLOCKED = "blocked"  # it cannot fire (trigger or task broken); ``state_reason`` says why
    DELETED = "deleted"  # only its history is still readable


class RunState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"


class ServiceState(StrEnum):
    """Where a continuous job stands on one machine."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # it has ended and is started again in a while
    INACTIVE = "inactive"  # a singleton that runs on another machine
    STOPPING = "stopping"
    STOPPED = "stopped"


TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.STARTING, RunState.DONE}),
    RunState.STARTING: frozenset(
        {RunState.QUEUED, RunState.RUNNING, RunState.STOPPING, RunState.DONE}
    ),
    RunState.RUNNING: frozenset({RunState.STOPPING, RunState.DONE}),
    RunState.STOPPING: frozenset({RunState.DONE}),
    RunState.DONE: frozenset(),
}
ALIVE = (RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.STOPPING)
ON_A_MACHINE = (RunState.STARTING, RunState.RUNNING, RunState.STOPPING)


class EndedBy(StrEnum):
    """What ended a run."""

    EXIT = "exit"
    STOP = "stop"
    KILL = "kill"
    DISCONNECT = "disconnect"
    TIMEOUT = "timeout"
    IDLE = "idle"
    SHUTDOWN = "shutdown"
    REPLACED = "replaced"
    UNHEALTHY = "unhealthy"
    EXPIRED = "expired"
    LOST = "lost"
    NOT_STARTED = "not_started"


class Outcome(StrEnum):
    """One word for how a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    IDLE = "idle"
    STOPPED = "stopped"
    LOST = "lost"
    NOT_STARTED = "not_started"


_OUTCOMES: Mapping[EndedBy, Outcome] = {
    EndedBy.STOP: Outcome.STOPPED,
    EndedBy.KILL: Outcome.STOPPED,
    EndedBy.DISCONNECT: Outcome.STOPPED,
    EndedBy.SHUTDOWN: Outcome.STOPPED,
    EndedBy.REPLACED: Outcome.STOPPED,
    EndedBy.TIMEOUT: Outcome.TIMED_OUT,
    EndedBy.IDLE: Outcome.IDLE,
    EndedBy.UNHEALTHY: Outcome.FAILED,
    EndedBy.LOST: Outcome.LOST,
    EndedBy.EXPIRED: Outcome.NOT_STARTED,
    EndedBy.NOT_STARTED: Outcome.NOT_STARTED,
}


def outcome_of(ended_by: EndedBy, exit_code: int | None) -> Outcome:
    """Return the one word for the facts of an end; a signal is a failure."""
    if ended_by is EndedBy.EXIT:
        return Outcome.SUCCEEDED if exit_code == 0 else Outcome.FAILED
    return _OUTCOMES[ended_by]


class OccurrenceOutcome(StrEnum):
    PLANNED = "planned"  # in the future; never stored
    RAN = "ran"
    LATE = "late"  # ran, but more than a second after its moment
    COALESCED = "coalesced"  # a newer moment ran in its place
    SKIPPED = "skipped"  # overlap, paused, disabled, ended: the reason says which
    MISSED = "missed"  # older than the grace: server down, leader lost, queue expired


class Overlap(StrEnum):
    """What happens to one run more than ``max_instances``."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"


class CatchUp(StrEnum):
    """Which of several overdue moments inside the grace run."""

    LAST = "last"
    NONE = "none"
    ALL = "all"


class OnLost(StrEnum):
    FAIL = "fail"
    RETRY = "retry"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def allows(self, needed: "Role") -> bool:
        """Return whether this role may do what *needed* may do."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfire:
    """How late a moment may start (seconds; None = no limit) and which of several run."""

    grace: float | None = 300.0
    catch_up: CatchUp = CatchUp.LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Automatic retries: *max* of them, *backoff* seconds apart, each time *factor* longer.

    No delay is longer than *max_backoff*; *jitter* is the fraction of it that is drawn at random;
    *exit_codes* limits retries to these codes, None means every failure but a stop.
    """

    max: int = 0
    backoff: float = 10.0
    factor: float = 2.0
    max_backoff: float = 3600.0
    jitter: float = 0.0
    exit_codes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a continuous job is found to hang: a *command* fails, or a *url* does not answer.

    Every *interval* seconds, for *timeout* seconds at the most; it is started anew after so many
    *failures* in a row.
    """

    command: tuple[str, ...] = ()
    url: str | None = None
    interval: float = 30.0
    timeout: float = 5.0
    failures: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a job's runs are treated. Times in seconds; 0 = no limit; None = the task's default."""

    max_instances: int = 1
    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = field(default_factory=Misfire)
    timeout: float | None = None
    idle_timeout: float | None = None
    grace: float | None = None
    retries: Retries = field(default_factory=Retries)
    on_lost: OnLost = OnLost.FAIL
    history: int | None = None
    queue: str = "default"
    priority: int = 0
    jitter: float = 0.0
    env: Mapping[str, str] = field(default_factory=dict)
    run_as: str | None = None
    detach: bool = False
    singleton: bool = False  # continuous jobs: on one machine at a time
    health: Health | None = None


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


class WebJobType(StrEnum):
    """The two kinds of web jobs; also the names of their folders."""

    TRIGGERED = "triggered"
    CONTINUOUS = "continuous"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution. *attempt* counts retries from 1, *claim* how often it was handed out."""

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

    @property
    def outcome(self) -> Outcome | None:
        """The one word for its end, None until done."""
        return None if self.ended_by is None else outcome_of(self.ended_by, self.exit_code)


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
    """The facts about how one claim of a run ended, as its runner journalled them."""

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


def may_retry(policy: Policy, end: End, attempt: int) -> bool:
    """Return whether a run that ended so is retried automatically."""
    outcome = outcome_of(end.ended_by, end.exit_code)
    if outcome is Outcome.LOST:
        return policy.on_lost is OnLost.RETRY
    if outcome in {Outcome.SUCCEEDED, Outcome.STOPPED} or attempt > policy.retries.max:
        return False
    codes = policy.retries.exit_codes
    return codes is None or (end.exit_code is not None and end.exit_code in codes)


def retry_delay(retries: Retries, attempt: int) -> float:
    """Return the seconds to wait before the retry that follows attempt number *attempt*."""
    delay = retries.backoff
    for _ in range(min(attempt - 1, 64)):
        delay = min(delay * retries.factor, retries.max_backoff)
    delay = min(delay, retries.max_backoff)
    return delay * (1 - retries.jitter * random.random())  # noqa: S311 - spreads load, no secret


def service_policy(policy: Policy) -> Policy:
    """Return how one run of a continuous job with *policy* is treated.

    It has no limit of time but one that the job itself names, it is no matter of retries (it is
    started again in any case), and what only concerns the job is left out.
    """
    return replace(
        policy,
        timeout=policy.timeout or 0.0,
        idle_timeout=policy.idle_timeout or 0.0,
        retries=Retries(),
        on_lost=OnLost.FAIL,
        history=None,
        singleton=False,
    )


def overlap_allows(policy: Policy, alive: int) -> bool:
    """Return whether one more run may be made while *alive* runs of the job are not done."""
    return alive < policy.max_instances or policy.overlap is not Overlap.SKIP


def claimable_runs(max_instances: int, on_machine: int, waiting: Sequence[int]) -> Sequence[int]:
    """Return those of the *waiting* run ids that may start beside *on_machine* living ones."""
    return waiting[: max(0, max_instances - on_machine)]
