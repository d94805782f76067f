"""What becomes of the moments of one job: which run, which are missed, skipped or coalesced.

Pure functions over integers in microseconds UTC; long stretches are counted, never listed.
"""

from dataclasses import dataclass

from jobsched.clock import SECOND
from jobsched.model import CatchUp, Misfire, OccurrenceOutcome
from jobsched.scheduling.leftover import Moments
from jobsched.storage.occurrences import NewOccurrence
from jobsched.triggers import IntervalTrigger, Stretch, Trigger

USUAL_GRACE = 300.0
MOST_CAUGHT_UP = 100  # runs that ``catch_up: all`` makes at once
COALESCED = "a newer moment took its place"
TOO_MANY = f"only the newest {MOST_CAUGHT_UP} overdue moments run"
NOT_CAUGHT_UP = "more than a second late, and catch_up is none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time, *since_us* on and before *end_us*, in which moments are skipped for *reason*."""

    since_us: int
    end_us: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do with a job that is due.

    The moments *due* run, oldest first; *entries* go to the ledger as they are; *next_us* is
    when the job is due again, None when its trigger has ended. Before *seen_us* the ledger then
    tells everything that the trigger omitted; None leaves that as it was.
    """

    next_us: int | None
    due: tuple[int, ...] = ()
    entries: tuple[NewOccurrence, ...] = ()
    seen_us: int | None = None


def default_grace(trigger: Trigger) -> float:
    """Return the usual grace in seconds: one interval for interval jobs, else five minutes."""
    interval = trigger.interval
    if interval is None or not isinstance(trigger, IntervalTrigger):
        return USUAL_GRACE
    return interval.total_seconds()


def resume(trigger: Moments, pause: Pause) -> Plan:
    """Return the plan for a job whose pause is over: what it skipped, and when it is due."""
    skipped = trigger.count_between(pause.since_us, pause.end_us)
    return Plan(
        next_us=trigger.next_after(pause.end_us - 1),
        entries=_entry(skipped, OccurrenceOutcome.SKIPPED, pause.reason),
    )


def plan(
    trigger: Moments, misfire: Misfire, due_us: int, now_us: int, pause: Pause | None = None
) -> Plan:
    """Return what becomes at *now_us* of the moments from *due_us* on.

    Moments older than the grace are missed; ``catch_up`` chooses among the others. Those inside
    *pause* are skipped.
    """
    if pause is not None and due_us < pause.end_us:
        return _after_pause(trigger, misfire, due_us, now_us, pause)
    oldest = due_us if misfire.grace is None else now_us - round(misfire.grace * SECOND)
    cut = max(due_us, min(oldest, now_us + 1))
    missed = trigger.count_between(due_us, cut)
    due, passed = _chosen(trigger, misfire.catch_up, cut, now_us)
    reason = f"more than {misfire.grace:g} s late" if misfire.grace is not None else None
    return Plan(
        next_us=trigger.next_after(now_us),
        due=due,
        entries=_entry(missed, OccurrenceOutcome.MISSED, reason) + passed,
    )


def _after_pause(
    trigger: Moments, misfire: Misfire, due_us: int, now_us: int, pause: Pause
) -> Plan:
    """Return the plan for a job of which the first moments fell into *pause*."""
    begin = max(due_us, pause.since_us)
    overdue = trigger.count_between(due_us, begin)
    entries = _entry(overdue, OccurrenceOutcome.MISSED, "overdue when the pause began")
    resumed = resume(trigger, Pause(since_us=begin, end_us=pause.end_us, reason=pause.reason))
    entries += resumed.entries
    if resumed.next_us is None or resumed.next_us > now_us:
        return Plan(next_us=resumed.next_us, entries=entries)
    rest = plan(trigger, misfire, resumed.next_us, now_us)
    return Plan(next_us=rest.next_us, due=rest.due, entries=entries + rest.entries)


def _chosen(
    trigger: Moments, catch_up: CatchUp, first_us: int, now_us: int
) -> tuple[tuple[int, ...], tuple[NewOccurrence, ...]]:
    """Return which moments from *first_us* to *now_us* run, and entries for the others."""
    last = trigger.count_between(first_us, now_us + 1).last
    if last is None:
        return (), ()
    match catch_up:
        case CatchUp.ALL:
            due = tuple(trigger.newest_between(first_us, now_us + 1, MOST_CAUGHT_UP))
            others = (OccurrenceOutcome.MISSED, TOO_MANY)
        case CatchUp.NONE:
            due = (last,) if now_us - last <= SECOND else ()
            others = (OccurrenceOutcome.MISSED, NOT_CAUGHT_UP)
        case CatchUp.LAST:
            due = (last,)
            others = (OccurrenceOutcome.COALESCED, COALESCED)
    rest = trigger.count_between(first_us, due[0] if due else now_us + 1)
    return due, _entry(rest, *others)


def _entry(
    stretch: Stretch, outcome: OccurrenceOutcome, reason: str | None
) -> tuple[NewOccurrence, ...]:
    """Return the one ledger entry for a whole stretch of moments, none for an empty one."""
    if stretch.first is None:
        return ()
    last = stretch.last if stretch.total > 1 else None
    return (
        NewOccurrence(
            due_us=stretch.first,
            outcome=outcome,
            reason=reason,
            last_us=last,
            count=stretch.total,
        ),
    )
