"""When the clock goes back: no job waits until the old time returns.

Intervals are elapsed time and go on at their pace. What names a time of day comes when the clock
says so, and a moment that is in the ledger is never fired again.
"""

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.scheduling.knowledge import Knowledge
from jobsched.storage.decisions import Lease, Move
from jobsched.storage.firing import Firing

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
            if job is None or job.trigger is None:
                continue
            trigger = job.trigger.stretched_back(due.next_us, last_us, now_us)
            next_us = trigger.next_after(now_us)
            if next_us is not None and next_us < due.next_us:
                changed = trigger is not job.trigger
                moves.append((due, next_us, trigger.stored() if changed else None))
        moved += firing.move(lease, moves, now_us)
        after_key = page[-1].key
    return moved
