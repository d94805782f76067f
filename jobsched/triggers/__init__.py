"""When a job runs: the kinds of triggers, how they are read from JSON and told in words.

A kind is one module and one line in TRIGGERS. Its place in JSON is the key named like its
``kind``; beside it stand the keys that all kinds share.
"""

import difflib
from collections.abc import Mapping

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.clock import now_us
from jobsched.triggers.at import AtTrigger
from jobsched.triggers.base import COMMON_KEYS, NOTHING, SINCE, Stretch, Trigger
from jobsched.triggers.cron import CronTrigger
from jobsched.triggers.fields import Fields, iso
from jobsched.triggers.interval import IntervalTrigger

TRIGGERS: tuple[type[Trigger], ...] = (IntervalTrigger, AtTrigger, CronTrigger)
KINDS = tuple(trigger.kind for trigger in TRIGGERS)
TRIGGER_KEYS = frozenset(KINDS + COMMON_KEYS)
# What is planned but not there yet. Whoever writes one of these did not misspell another.
PLANNED = frozenset({"any", "recurrence", "startTime"})


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
    trigger = _read(fields, timezone, created)
    if trigger is not None:
        _check_life(fields, trigger, created)
    fields.check()
    assert trigger is not None  # noqa: S101 - whoever returns None has refused a field
    return trigger


def restore(data: Mapping[str, object], calendars: Calendars = NO_CALENDARS) -> Trigger:
    """Return the trigger of a stored form, however long ago it was made.

    Raises: InvalidInput if it is broken, or names none of the *calendars*.
    """
    fields = Fields(data, calendars)
    trigger = _read(fields, "UTC", None)
    fields.check()
    assert trigger is not None  # noqa: S101 - whoever returns None has refused a field
    return trigger


def describe(trigger: Trigger) -> str:
    """Return a trigger in plain English, such as ``Every 5 minutes, 3 times``."""
    text = trigger.words()
    if trigger.count is not None:
        text += f", {trigger.count} times" if trigger.count > 1 else ", 1 time"
    if trigger.end_us is not None:
        text += f", until {iso(trigger.end_us).replace('T', ' ').removesuffix('Z')} UTC"
    return text


def _read(fields: Fields, timezone: str, created_us: int | None) -> Trigger | None:
    """Return the trigger in *fields*; None, with the reasons noted, if it cannot be read."""
    allowed = TRIGGER_KEYS if created_us is not None else TRIGGER_KEYS | {SINCE}
    if not fields.data.keys() <= allowed:
        for name in sorted(fields.data.keys() - allowed, key=str):
            _refuse_unknown(fields, name)
    kinds = [trigger for trigger in TRIGGERS if trigger.kind in fields.data]
    if len(kinds) != 1:
        field, rule = (KINDS[0], "required") if not kinds else (kinds[1].kind, "one_of")
        fields.refuse(field, rule, f"Give exactly one of {', '.join(KINDS)}.")
        return None
    trigger = kinds[0].read(fields, fields.zone_name(timezone), created_us)
    return None if fields.errors else trigger


def _refuse_unknown(fields: Fields, name: str) -> None:
    hint = " This version does not have it."
    if name not in PLANNED:
        near = difflib.get_close_matches(str(name)[:40], TRIGGER_KEYS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
    fields.refuse(str(name), "unknown", f"{name} is not a field of a trigger.{hint}")


def _check_life(fields: Fields, trigger: Trigger, created_us: int) -> None:
    """Refuse a trigger that has no moment from *created_us* on."""
    end = trigger.end_us
    if end is not None and end < created_us:
        fields.refuse("end", "past", "end lies in the past.")
    elif end is not None and trigger.start_us is not None and end < trigger.start_us:
        fields.refuse("end", "order", "end lies before the first moment.")
    elif trigger.first(created_us) is None:
        fields.refuse(trigger.kind, "never", "This trigger can never fire.")


__all__ = [
    "COMMON_KEYS", "KINDS", "NOTHING", "PLANNED", "TRIGGERS", "TRIGGER_KEYS", "AtTrigger",
    "CronTrigger", "IntervalTrigger", "Stretch", "Trigger", "describe", "parse", "restore",
]  # fmt: skip
