"""One trigger read from its JSON object: which kind it is, and whether it ever fires."""

import difflib
from collections.abc import Sequence

from jobsched.triggers.base import COMMON_KEYS, LAST, SINCE, Trigger
from jobsched.triggers.excluding import COUNTED, MOST_A_DAY, MOST_MOVED, YEAR, Excluding
from jobsched.triggers.fields import LAST_US, Fields
from jobsched.triggers.series import FEW

START_TIME = "startTime"  # how a recurrence spells start

_TOO_FAR = (
    f"With calendars, count must be reached within {COUNTED // YEAR} years, 100 years up to {FEW},"
    f" and be {MOST_MOVED} at most where they move moments."
)

Kinds = Sequence[type[Trigger]]


def read_trigger(
    fields: Fields, kinds: Kinds, timezone: str, created_us: int | None
) -> Trigger | None:
    """Return the trigger in *fields*, one of *kinds*; None, with the reasons noted, if it is none.

    *timezone* holds where it names none. Without *created_us* it is a stored form, which is taken
    as it is; else it must have a moment from then on.
    """
    _refuse_unknown(fields, kinds, stored=created_us is None)
    given = [kind for kind in kinds if kind.kind in fields.data]
    if len(given) != 1:
        field, rule = (kinds[0].kind, "required") if not given else (given[1].kind, "one_of")
        names = ", ".join(kind.kind for kind in kinds)
        fields.refuse(field, rule, f"Give exactly one of {names}.")
        return None
    if START_TIME in fields.data and given[0].kind != "recurrence":
        message = f"{START_TIME} belongs to recurrence; for {given[0].kind} it is start."
        fields.refuse(START_TIME, "one_of", message)
    trigger = given[0].read(fields, fields.zone_name(timezone), created_us)
    if trigger is not None and not fields.errors and created_us is not None:
        _check_life(fields, trigger, created_us)
    elif trigger is not None and isinstance(last := fields.data.get(LAST), list):
        trigger.remember_last(*map(str, last))
    return None if fields.errors else trigger


def trigger_keys(kinds: Kinds) -> frozenset[str]:
    """Return the keys that a request may use for a trigger that is one of *kinds*."""
    return frozenset((*(kind.kind for kind in kinds), START_TIME, *COMMON_KEYS))


def _refuse_unknown(fields: Fields, kinds: Kinds, *, stored: bool) -> None:
    known = trigger_keys(kinds)
    unknown = fields.data.keys() - known
    for name in sorted(unknown - {SINCE, LAST} if stored else unknown, key=str):
        near = difflib.get_close_matches(str(name)[:40], known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        fields.refuse(str(name), "unknown", f"{name} is not a field of a trigger.{hint}")


def _check_life(fields: Fields, trigger: Trigger, created_us: int) -> None:
    """Refuse a trigger that has no moment from *created_us* on."""
    end = trigger.end_us
    if end is not None and end < created_us:
        fields.refuse("end", "past", "end lies in the past.")
    elif end is not None and trigger.start_us is not None and end < trigger.start_us:
        fields.refuse("end", "order", "end lies before the first moment.")
    elif isinstance(trigger.series, Excluding) and trigger.series.is_dense(created_us):
        message = f"on_excluded must be skip for more than {MOST_A_DAY} moments a day."
        fields.refuse("on_excluded", "too_often", message)
    elif _counts_too_far(trigger):
        fields.refuse("count", "range", _TOO_FAR)
    elif trigger.first(created_us) is None:
        fields.refuse(*_why_never(fields, trigger, created_us))


def _why_never(fields: Fields, trigger: Trigger, created_us: int) -> tuple[str, str, str]:
    """Return field, rule and sentence for a *trigger* without a moment: what takes the last one."""
    begin_us = created_us - (trigger.at_once_us == created_us)
    planned = trigger.rule().next_after(max(begin_us, trigger.floor_us))
    if planned is None:
        return trigger.kind, "never", "This trigger can never fire."
    if trigger.end_us is not None and planned > trigger.end_us:
        spelled = "end" if fields.data.get("end") is not None else trigger.end_field
        return spelled, "never", "This trigger can never fire before its end."
    until = "before the end" if trigger.end_us is not None else "in the next 20 years"
    return "calendars", "never", f"The calendars leave no moment {until}."


def _counts_too_far(trigger: Trigger) -> bool:
    """Return whether its calendars stand in the way of finding the last moment of its count."""
    if trigger.count is None or not isinstance(trigger.series, Excluding):
        return False
    last_us = LAST_US if trigger.end_us is None else trigger.end_us
    if trigger.last_us != last_us:
        return False
    return trigger.series.goes_on(trigger.floor_us, trigger.count, last_us)
