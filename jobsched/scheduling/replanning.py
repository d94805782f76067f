"""New calendars: jobs that name one go on with the moments that it leaves them from now on.

A job whose calendar is gone is blocked, and says so, until a calendar of that name is back.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from jobsched.calendars import Calendars
from jobsched.model import JobState
from jobsched.scheduling.deciding import ENDED, failure_of
from jobsched.scheduling.knowledge import Knowledge, Known
from jobsched.scheduling.omitting import omitted, with_omitted
from jobsched.scheduling.planning import Pause, Plan, resume
from jobsched.scheduling.telling import tell
from jobsched.storage.decisions import Change, Decision, Details, Due, Lease
from jobsched.storage.firing import Firing
from jobsched.storage.occurrences import NewOccurrence

PAGE = 200  # jobs per transaction
_ATTEMPTS = 5  # against others who change the same jobs at the same time


class Turn(NamedTuple):
    """One job at the change from calendars *before* to those *after*; *seen_us* as in its row."""

    due: Due
    details: Details
    before: Known
    after: Known
    seen_us: int | None


def replan(
    firing: Firing, lease: Lease, calendars: tuple[Calendars, Calendars], now_us: int
) -> int:
    """Plan anew every job that names calendars; *calendars* are those before and those now.

    Raises: LeaseLost. Returns: how many jobs were looked at.
    """
    seen, after_key = 0, 0
    while page := firing.by_calendars(after_key, PAGE):
        after_key = page[-1].key
        seen += len(page)
        for _ in range(_ATTEMPTS):
            lost = _replan_page(firing, lease, calendars, now_us, page)
            if not lost:
                break
            again = firing.by_calendars(page[0].key - 1, PAGE)
            page = [due for due in again if due.key in lost]
    return seen


def _replan_page(
    firing: Firing,
    lease: Lease,
    calendars: tuple[Calendars, Calendars],
    now_us: int,
    page: Sequence[Due],
) -> frozenset[int]:
    """Plan the jobs of *page* anew; return the keys of those that were changed meanwhile."""
    before, after = (Knowledge(firing, each).of(page) for each in calendars)
    details = {each.key: each for each in firing.details([*after])}
    seen = firing.seen([*after])
    turns = [
        Turn(due, details[due.key], before[due.key], after[due.key], seen.get(due.key))
        for due in page
        if due.key in details and due.key in before
    ]
    changes = [change for turn in turns if (change := _guarded(turn, now_us)) is not None]
    if not changes:
        return frozenset()
    decision = Decision(changes=changes)
    fired = firing.commit(lease, [], now_us, lambda alive: decision)
    tell(decision, fired, after)
    return fired.lost


def _guarded(turn: Turn, now_us: int) -> Change | None:
    try:
        return _change(turn, now_us)
    except Exception as error:  # a trigger may be anybody's code; only its job stops
        if turn.due.state != JobState.ACTIVE:
            return None
        why = failure_of(error)
        return Change(due=turn.due, next_us=None, state=JobState.BLOCKED, state_reason=why)


def _change(turn: Turn, now_us: int) -> Change | None:
    """Return what becomes of one job; None for what is due, which the cycle looks at next."""
    due, after = turn.due, turn.after
    if due.state == JobState.BLOCKED:
        return None if after.trigger is None else _back(turn, now_us)
    if due.next_us is not None and due.next_us <= now_us:
        return None
    if after.trigger is None:
        return Change(due=due, next_us=None, state=JobState.BLOCKED, state_reason=after.fault)
    entries, seen_us = _so_far(turn, now_us)
    if due.state == JobState.PAUSED:
        kept = Change(due=due, next_us=due.next_us, state=JobState.PAUSED, entries=entries)
        return replace(kept, state_reason=turn.details.state_reason, seen_us=seen_us)
    plan = Plan(next_us=after.trigger.next_after(now_us), entries=entries, seen_us=seen_us)
    return _planned(turn, with_omitted(after.trigger, plan, seen_us, now_us))


def _back(turn: Turn, now_us: int) -> Change:
    """Return the change that lets a blocked job go on; what it could not run is skipped."""
    assert turn.after.trigger is not None  # noqa: S101 - narrows a type
    details, trigger = turn.details, turn.after.trigger
    since_us = now_us if details.paused_us is None else details.paused_us
    reason = details.state_reason or "blocked"
    plan = resume(trigger, Pause(since_us=since_us, end_us=now_us, reason=reason))
    return _planned(turn, with_omitted(trigger, plan, turn.seen_us, now_us))


def _so_far(turn: Turn, now_us: int) -> tuple[tuple[NewOccurrence, ...], int]:
    """Return what the calendars so far omitted; those that come do not change the past."""
    trigger = turn.before.trigger
    if trigger is None or turn.seen_us is None:
        return (), now_us
    return omitted(trigger, turn.seen_us, now_us)


def _planned(turn: Turn, plan: Plan) -> Change:
    over = plan.next_us is None
    return Change(
        due=turn.due,
        next_us=plan.next_us,
        state=JobState.FINISHED if over else JobState.ACTIVE,
        state_reason=ENDED if over else None,
        entries=plan.entries,
        seen_us=plan.seen_us,
    )
