"""What the scheduler and the firing transaction say to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobsched.errors import Unavailable
from jobsched.model import JobState, OccurrenceOutcome, Policy
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.texts import mapping_from, policy_from_text

# key, version, due_us, next_us, outcome, late_us, reason, not_before_us, queue, priority
Fire = tuple[int, int, int, int, str, int | None, str | None, int | None, str, int]
# A job as it was read, its new next moment, and its new trigger if that changes too.
Move = tuple["Due", int, Mapping[str, object] | None]
Alive = Mapping[int, tuple[int, int]]  # job key -> runs that are not done, those of them stopping


class LeaseLost(Unavailable):
    """Another scheduler leads; nothing of this transaction was kept."""

    title = "Lease lost"


class Due(NamedTuple):
    """A job whose time has come."""

    key: int
    version: int
    next_us: int
    state: str


class Details(NamedTuple):
    """What it takes to plan one job, its JSON still as text."""

    key: int
    version: int
    id: str
    name: str
    trigger_text: str | None
    policy_text: str | None
    state_reason: str | None
    paused_us: int | None
    paused_until_us: int | None

    @property
    def trigger(self) -> Mapping[str, object]:
        """The canonical form of the trigger. Raises: ValueError when it is no JSON."""
        return mapping_from(self.trigger_text)

    @property
    def policy(self) -> Policy:
        """The policy; equal ones are one object. Raises: ValueError, TypeError when broken."""
        return policy_from_text(self.policy_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to fire: held by *owner* since *epoch*; each firing makes it last *length_us*."""

    owner: str
    epoch: int
    length_us: int = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One run to be queued by a Change, for the moment *due_us*, *late_us* after it."""

    due_us: int
    late_us: int
    outcome: OccurrenceOutcome
    reason: str | None = None
    not_before_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One job that does anything but a single fire: several at once, none, or a new state."""

    due: Due
    next_us: int | None
    state: JobState = JobState.ACTIVE
    state_reason: str | None = None
    starts: tuple[Start, ...] = ()
    entries: tuple[NewOccurrence, ...] = ()
    queue: str = "default"
    priority: int = 0
    replace: int = 0  # so many of the oldest living runs are stopped to make room
    seen_us: int | None = None  # before it the ledger tells all omissions; None: as before


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with a batch: *fires* make a run each, *passed* are only entered."""

    fires: Sequence[Fire] = ()
    passed: Sequence[Fire] = ()
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What a committed batch came to: so many *runs*; jobs *lost* were changed meanwhile."""

    runs: int
    lost: frozenset[int]
