"""What triggers leave out, by calendars and clock changes, as entries of the ledger."""

from dataclasses import replace
from itertools import islice

from jobsched.clock import SECOND
from jobsched.model import OccurrenceOutcome
from jobsched.scheduling.planning import Plan
from jobsched.storage.occurrences import NewOccurrence
from jobsched.triggers import Trigger
from jobsched.triggers.series import Omission

MOST = 1000  # entries at once; the others follow with the next moment
_YEAR = 366 * 86_400 * SECOND
_SOON = 7 * 86_400 * SECOND  # calendars are looked through day by day

Entries = tuple[NewOccurrence, ...]


def omitted(trigger: Trigger, seen_us: int, until_us: int) -> tuple[Entries, int]:
    """Return entries for what *trigger* omits from *seen_us* on and before *until_us*.

    Returns: the entries, and the instant before which the ledger tells everything with them. It
    never goes back, even if the clock has.
    """
    if until_us <= seen_us:
        return (), seen_us
    found = [*islice(trigger.omissions(seen_us, until_us), MOST + 1)]
    if len(found) > MOST:
        until_us = found[MOST].at_us
    return tuple(_entry(omission) for omission in found[:MOST]), until_us


def nothing_omitted(trigger: Trigger, seen_us: int | None, now_us: int) -> bool:
    """Return whether it is quickly said that *trigger* omitted nothing since *seen_us*."""
    if seen_us is None or now_us - seen_us > _SOON:
        return False
    return next(trigger.omissions(seen_us, now_us), None) is None


def with_omitted(trigger: Trigger, plan: Plan, seen_us: int | None, now_us: int) -> Plan:
    """Return *plan* with entries for what *trigger* has omitted since *seen_us*.

    After its last moment that is all it will ever omit, a year ahead at the most.
    """
    if not trigger.may_omit:
        return plan
    until_us = now_us if plan.next_us is not None else min(trigger.last_us + 1, now_us + _YEAR)
    since_us = now_us if seen_us is None else seen_us
    entries, seen_us = omitted(trigger, since_us, max(now_us, until_us))
    return replace(plan, entries=plan.entries + entries, seen_us=seen_us)


def _entry(omission: Omission) -> NewOccurrence:
    return NewOccurrence(
        due_us=omission.at_us,
        outcome=OccurrenceOutcome.SKIPPED,
        reason=omission.note,
        last_us=omission.last_us if omission.total > 1 else None,
        count=omission.total,
        omitted=True,
    )
