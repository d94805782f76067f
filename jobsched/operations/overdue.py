"""What becomes of the moments that are overdue when a job gets another trigger: none vanishes."""

from collections.abc import Sequence
from typing import NamedTuple

from jobsched import clock
from jobsched.model import Job, JobState, OccurrenceOutcome
from jobsched.scheduling.leftover import Moments, with_leftover
from jobsched.scheduling.planning import MOST_CAUGHT_UP, Pause, plan
from jobsched.storage.occurrences import NewOccurrence
from jobsched.triggers import Trigger

CHANGED = "the schedule was changed before it ran"


class Overdue(NamedTuple):
    """What the change enters into the ledger, and the one moment that is still to be fired."""

    entries: tuple[NewOccurrence, ...] = ()
    kept_us: int | None = None


NOTHING_OVERDUE = Overdue()


def overdue(
    job: Job, before: Trigger | None, after: Trigger | None, now_us: int, pause: Pause | None
) -> Overdue:
    """Return what becomes of the moments of *job* that should have been fired by *now_us*.

    They are moments of *before*. If *after* has the same ones, they wait for the scheduler as if
    nothing had changed. Else those too late to run, and those inside *pause*, the latest of all
    scheduling, are entered as the scheduler would have. The newest of the others still runs, if
    *after* has no moment since; the rest is missed.
    """
    due_us = None if job.next_run is None else clock.to_us(job.next_run)
    if job.state is not JobState.ACTIVE or before is None or due_us is None or due_us > now_us:
        return NOTHING_OVERDUE
    moments = with_leftover(before, due_us)
    if after is not None and _the_same(moments, after, due_us, now_us):
        return Overdue(kept_us=due_us)
    pause = pause if pause is not None and due_us < pause.end_us else None
    planned = plan(moments, job.policy.misfire, due_us, now_us, pause)
    newest = planned.due[-1] if planned.due else None
    if newest is None or after is None or _has_moment(after, newest + 1, now_us):
        return Overdue(planned.entries + _missed(planned.due))
    return Overdue(planned.entries + _missed(planned.due[:-1]), newest)


def _the_same(one: Moments, other: Moments, first_us: int, last_us: int) -> bool:
    """Return whether two schedules have the same moments; of many, the newest are compared."""
    stretch = (first_us, last_us + 1)
    if one.count_between(*stretch) != other.count_between(*stretch):
        return False
    newest = [each.newest_between(*stretch, MOST_CAUGHT_UP) for each in (one, other)]
    return newest[0] == newest[1]


def _has_moment(trigger: Trigger, first_us: int, last_us: int) -> bool:
    moment = trigger.next_after(first_us - 1)
    return moment is not None and moment <= last_us


def _missed(moments: Sequence[int]) -> tuple[NewOccurrence, ...]:
    return tuple(
        NewOccurrence(due_us=due_us, outcome=OccurrenceOutcome.MISSED, reason=CHANGED)
        for due_us in moments
    )
