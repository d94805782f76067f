"""The fixed words: kinds, states and results, and which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum


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


class OccurrenceOutcome(StrEnum):
    PLANNED = "planned"  # in the future; never stored
    RAN = "ran"
    LATE = "late"  # ran, but more than a second after its moment
    COALESCED = "coalesced"  # a newer moment ran in its place
    SKIPPED = "skipped"  # overlap, paused, disabled, ended: the reason says which
    MISSED = "missed"  # older than the grace: server down, leader lost, queue expired


def outcome_of(ended_by: EndedBy, exit_code: int | None) -> Outcome:
    """Return the one word for the facts of an end; a signal is a failure."""
    if ended_by is EndedBy.EXIT:
        return Outcome.SUCCEEDED if exit_code == 0 else Outcome.FAILED
    return _OUTCOMES[ended_by]


class RecordState(StrEnum):
    """Where a failed record stands."""

    OPEN = "open"  # failed, and offered to the next retry
    RETRYING = "retrying"  # given to a run that has not ended yet
    RESOLVED = "resolved"  # a retry has succeeded with it


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


class WebJobType(StrEnum):
    """The two kinds of web jobs; also the names of their folders."""

    TRIGGERED = "triggered"
    CONTINUOUS = "continuous"
