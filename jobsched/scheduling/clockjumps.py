"""When the clock goes back: no job waits until the old time returns.

Intervals are elapsed time and go on at their pace. What names a time of day comes when the clock
says so, and a moment that is in the ledger is never fired again.
"""

from contextlib import suppress

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.scheduling.knowledge import Knowledge
from jobsched.storage.decisions import Due, Lease, Move
from jobsched.storage.firing import Firing
from jobsched.triggers import Trigger

PAGE = 1000


def bring_back(
    firing: Firing, lease: Lease, last_us: int, now_us: int, calendars: Calendars = NO_CALENDARS
) -> int:
    """Give jobs that are due later than *now_us* their first moment after it.

    *last_us* is what the clock showed before. Returns: how many jobs were moved.
    """
    knowledge = Knowledge(firing, calendars, most=PAGE)
    moved, after_key = 0, 0
    while page := firing.ahead(now_us, after_key, PAGE):
        known = knowledge.of(page)
        moves: list[Move] = []
        for due in page:
            job = known.get(due.key)
            # A trigger may be anybody's code: one that fails waits for its old moment.
            with suppress(Exception):
                if job is not None and job.trigger is not None:
                    moves += _earlier(due, job.trigger, last_us, now_us)
        moved += firing.move(lease, moves, now_us)
        after_key = page[-1].key
    return moved


def _earlier(due: Due, trigger: Trigger, last_us: int, now_us: int) -> list[Move]:
    """Return the move of a job to an earlier moment, if there is one."""
    stretched = trigger.stretched_back(due.next_us, last_us, now_us)
    next_us = stretched.next_after(now_us)
    if next_us is None or next_us >= due.next_us:
        return []
    return [(due, next_us, stretched.stored() if stretched is not trigger else None)]
