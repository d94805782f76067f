"""When a job runs: the kinds of triggers, how they are read from JSON and told in words.

A kind is one module and one name in SINGLE (kinds.py). Its place in JSON is the key named like its
``kind``; beside it stand the keys that all kinds share.
"""

import copyreg
from collections.abc import Callable, Mapping

from jobsched.calendars import NO_CALENDARS, Calendar, Calendars
from jobsched.clock import now_us
from jobsched.triggers.at import AtTrigger
from jobsched.triggers.base import COMMON_KEYS, NOTHING, Stretch, Trigger
from jobsched.triggers.cron import CronTrigger
from jobsched.triggers.fields import Fields
from jobsched.triggers.interval import IntervalTrigger
from jobsched.triggers.kinds import SINGLE
from jobsched.triggers.reading import read_trigger, trigger_keys
from jobsched.triggers.recurrence import RecurrenceTrigger
from jobsched.triggers.several import AnyTrigger
from jobsched.triggers.telling import describe

TRIGGERS: tuple[type[Trigger], ...] = (*SINGLE, AnyTrigger)
KINDS = tuple(trigger.kind for trigger in TRIGGERS)
TRIGGER_KEYS = trigger_keys(TRIGGERS)


def parse(
    data: Mapping[str, object],
    *,
    created_us: int | None = None,
    timezone: str = "UTC",
    calendars: Calendars = NO_CALENDARS,
) -> Trigger:
    """Return the trigger that a user gives for a job created at *created_us* (default now).

    *data* is the flat JSON object of one trigger; times without offset are read in its
    ``timezone``, else in *timezone*; *calendars* are those that it may name.

    Raises: InvalidInput with every broken rule: what is misspelt, lies in the past or can
    never fire.
    """
    created = now_us() if created_us is None else created_us
    fields = Fields(data, calendars)
    trigger = read_trigger(fields, TRIGGERS, timezone, created)
    fields.check()
    assert trigger is not None  # noqa: S101 - whoever returns None has refused a field
    return trigger


def restore(data: Mapping[str, object], calendars: Calendars = NO_CALENDARS) -> Trigger:
    """Return the trigger of a stored form, however long ago it was made.

    Raises: InvalidInput if it is broken, or names none of the *calendars*.
    """
    fields = Fields(data, calendars)
    trigger = read_trigger(fields, TRIGGERS, "UTC", None)
    fields.check()
    assert trigger is not None  # noqa: S101 - whoever returns None has refused a field
    return trigger


def _pickled(trigger: Trigger) -> tuple[Callable[..., Trigger], tuple[object, ...]]:
    return _from_pickle, (trigger.stored(), trigger.calendars)


def _from_pickle(stored: Mapping[str, object], calendars: tuple[Calendar, ...]) -> Trigger:
    return restore(stored, {calendar.name: calendar for calendar in calendars})


# The stock stores of APScheduler keep pickles: with the stored form alone in them, and none of
# what is derived from it, they can be read by later versions.
for _kind in TRIGGERS:
    copyreg.pickle(_kind, _pickled)

__all__ = [
    "COMMON_KEYS", "KINDS", "NOTHING", "TRIGGERS", "TRIGGER_KEYS", "AnyTrigger", "AtTrigger",
    "CronTrigger", "IntervalTrigger", "RecurrenceTrigger", "Stretch", "Trigger", "describe",
    "parse", "restore",
]  # fmt: skip
