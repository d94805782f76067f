"""Reading the object ``recurrence``: its limits, and what each mistake is called."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeGuard

from jobsched.triggers.fields import Fields
from jobsched.triggers.recurrence.pattern import (
    EACH,
    WEEKDAYS,
    Frequency,
    Pattern,
    Schedule,
)

# The limits of Azure Scheduler (spec/webjobs.md, section 8).
LONGEST: Mapping[Frequency, int] = {
    Frequency.MINUTE: 1000,
    Frequency.HOUR: 1000,
    Frequency.DAY: 548,
    Frequency.WEEK: 78,
    Frequency.MONTH: 18,
}
MOST_VALUES = 100  # in one list; more could only repeat themselves
_KEYS = ("frequency", "interval", "schedule", "count", "endTime")
_SCHEDULE_KEYS = ("minutes", "hours", "weekDays", "monthDays", "monthlyOccurrences")
_ONLY_WITH = {
    "weekDays": Frequency.WEEK,
    "monthDays": Frequency.MONTH,
    "monthlyOccurrences": Frequency.MONTH,
}
_WEEKDAY_NUMBERS = {
    name: number
    for number, weekday in enumerate(WEEKDAYS)
    for name in (weekday.lower(), weekday[:3].lower())
}
# Words that clients of the model know and we do not take, and what to write instead.
_INSTEAD = {
    "months": "months is not supported here; use cron, which can name months.",
    "startTime": "startTime stands beside recurrence, not in it.",
    "start": "start stands beside recurrence, as startTime, not in it.",
}


def read_pattern(fields: Fields) -> Pattern | None:
    """Return the rule in the *fields* of ``recurrence``; None after refusing some of them."""
    refuse_unknown(fields, _KEYS, "recurrence")
    frequency = _frequency(fields)
    step = _step(fields, frequency)
    schedule = _schedule(fields, frequency)
    if frequency is None or fields.errors:
        return None
    return Pattern(frequency=frequency, step=step, schedule=schedule)


def refuse_unknown(fields: Fields, known: Iterable[str], owner: str) -> None:
    """Refuse every key of *fields* that is none of the *known*, naming the nearest."""
    for name in sorted(fields.data.keys() - {*known}, key=str):
        near = difflib.get_close_matches(str(name)[:40], known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        message = _INSTEAD.get(name, f"{name} is not a field of {owner}.{hint}")
        fields.refuse(str(name), "unknown", message)


def _frequency(fields: Fields) -> Frequency | None:
    value = fields.data.get("frequency")
    word = value.lower() if isinstance(value, str) else None
    if word is not None and word in {*Frequency}:
        return Frequency(word)
    if value is None:
        fields.refuse("frequency", "required", f"frequency must be one of {_words(Frequency)}.")
    elif word in {"year", "years"}:
        message = "year is no frequency here; use month with an interval of 12."
        fields.refuse("frequency", "choice", message)
    else:
        fields.refuse("frequency", "choice", f"frequency must be one of {_words(Frequency)}.")
    return None


def _step(fields: Fields, frequency: Frequency | None) -> int:
    value = fields.data.get("interval")
    most = max(LONGEST.values()) if frequency is None else LONGEST[frequency]
    if value is None:
        return 1
    if _is_whole(value) and 1 <= value <= most:
        return value
    unit = "" if frequency is None else f" with frequency {frequency}"
    fields.refuse("interval", "range", f"interval must be a whole number from 1 to {most}{unit}.")
    return 1


def _schedule(fields: Fields, frequency: Frequency | None) -> Schedule:
    value = fields.data.get("schedule")
    if value is None:
        return Schedule()
    if not isinstance(value, Mapping):
        fields.refuse("schedule", "type", 'schedule must be an object such as {"hours": [9]}.')
        return Schedule()
    inner = fields.within(value, "schedule")
    refuse_unknown(inner, _SCHEDULE_KEYS, "schedule")
    _check_frequency(inner, frequency)
    return Schedule(
        minutes=_numbers(inner, "minutes", range(60), "0 to 59"),
        hours=_numbers(inner, "hours", range(24), "0 to 23"),
        weekdays=_values(inner, "weekDays", _weekday, "names of weekdays"),
        month_days=_month_days(inner),
        occurrences=_occurrences(inner),
    )


def _check_frequency(fields: Fields, frequency: Frequency | None) -> None:
    """Refuse the days that do not belong to the frequency."""
    for name, wanted in _ONLY_WITH.items():
        if fields.data.get(name) is not None and frequency not in {wanted, None}:
            message = f"{name} is only possible with frequency {wanted}."
            fields.refuse(name, "one_of", message)


def _numbers(fields: Fields, name: str, allowed: range, named: str) -> tuple[int, ...]:
    def number(value: object) -> int | None:
        return value if _is_whole(value) and value in allowed else None

    return _values(fields, name, number, f"whole numbers from {named}")


def _month_days(fields: Fields) -> tuple[int, ...]:
    """Return the days, those counted from the end last."""

    def number(value: object) -> int | None:
        return value if _is_whole(value) and 1 <= abs(value) <= 31 else None

    named = "whole numbers from 1 to 31, or -1 to -31 from the end"
    days = _values(fields, "monthDays", number, named)
    return tuple(sorted(days, key=lambda day: (day < 0, day)))


def _values(
    fields: Fields, name: str, read: Callable[[object], int | None], named: str
) -> tuple[int, ...]:
    """Return what one value or a list of values in *name* means, in order, each once."""
    value = fields.data.get(name)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    found = {read(value) for value in values[:MOST_VALUES]}
    if found and None not in found and len(values) <= MOST_VALUES:
        return tuple(sorted(number for number in found if number is not None))
    fields.refuse(name, "range", f"{name} must be one or more {named}.")
    return ()


def _weekday(value: object) -> int | None:
    return _WEEKDAY_NUMBERS.get(value.lower()) if isinstance(value, str) else None


def _occurrences(fields: Fields) -> tuple[tuple[int, int], ...]:
    name = "monthlyOccurrences"
    value = fields.data.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_VALUES:
        example = 'such as [{"day": "Monday", "occurrence": 1}]'
        fields.refuse(name, "type", f"{name} must be a list of 1 to {MOST_VALUES} days {example}.")
        return ()
    pairs = {_occurrence(fields, f"{name}[{place}]", item) for place, item in enumerate(value)}
    return tuple(sorted((day, which) for day, which in pairs if day is not None))


def _occurrence(fields: Fields, place: str, item: object) -> tuple[int | None, int]:
    """Return a weekday, None if it is refused, and which one of the month it is."""
    if not isinstance(item, Mapping):
        fields.refuse(place, "type", "An occurrence must be an object with a day.")
        return None, EACH
    inner = fields.within(item, place)
    refuse_unknown(inner, ("day", "occurrence"), "monthlyOccurrences")
    weekday, which = _weekday(item.get("day")), item.get("occurrence")
    if weekday is None:
        inner.refuse("day", "choice", f"day must be one of {', '.join(WEEKDAYS)}.")
    if which is None:
        return weekday, EACH
    if _is_whole(which) and 1 <= abs(which) <= 5:
        return weekday, which
    inner.refuse("occurrence", "range", "occurrence must be 1 to 5, or -1 to -5 from the end.")
    return None, EACH


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _words(words: Iterable[str]) -> str:
    return ", ".join(words)
