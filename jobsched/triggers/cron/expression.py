"""A cron expression: five or six fields made into days and times of day."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from jobsched.triggers.cron.dialects import GRAMMARS, Dialect, Grammar
from jobsched.triggers.cron.fields import FieldValues, Refusal, read_field
from jobsched.triggers.days import Days, EveryDay, MonthDays
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.monthdays import MonthRule

LONGEST = 256
_ZERO = FieldValues(values=frozenset({0}))
_EVERY_DAY = MonthRule(both=True)  # nothing is named, so nothing is left out


class BadExpression(ValueError):
    """An expression cannot be read; *refusals* holds every reason."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(" ".join(refusal.message for refusal in refusals))
        self.refusals = tuple(refusals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What the *text* says: *times* on the days that *days* holds.

    *month_rule* and *months* say the same as *days*, for people. A *fixed* expression names times
    of day: none of its second, minute and hour fields begins with ``*`` (spec/preview.md).
    *either*: it has a day of the month and a weekday, of which one is enough.
    """

    text: str
    dialect: Dialect
    fixed: bool = field(compare=False)
    either: bool = field(compare=False)
    months: frozenset[int] = field(compare=False, repr=False)
    month_rule: MonthRule = field(compare=False, repr=False)
    days: Days = field(compare=False, repr=False)
    times: DayTimes = field(compare=False, repr=False)


@lru_cache(maxsize=4096)
def read_expression(text: str, dialect: Dialect = Dialect.UNIX) -> Expression:
    """Return what *text* says.

    Raises: BadExpression with all that is wrong. That it can never fire is not wrong in itself:
    then its days are none.
    """
    said = _plain(text)
    grammar = GRAMMARS[dialect]
    parts = _expanded(said, grammar).split()
    fields = _read_fields(parts, grammar)
    *times, day, month, weekday = fields
    either = grammar.either and not (day.starred or weekday.starred)
    rule = _month_rule(day, weekday, either=either)
    every = rule == _EVERY_DAY and len(month.values) == 12
    return Expression(
        text=said.lower() if said.startswith("@") else said,
        dialect=dialect,
        fixed=not any(values.starred for values in times),
        either=either,
        months=month.values,
        month_rule=rule,
        days=EveryDay() if every else MonthDays(month.values, rule),
        times=DayTimes(times[2].values, times[1].values, times[0].values),
    )


def _plain(text: str) -> str:
    """Return *text* with single spaces. Raises: BadExpression if it is no text of a sane form."""
    if len(text) > LONGEST:
        message = f"It has {len(text)} characters; {LONGEST} is the most."
        raise BadExpression([Refusal("length", message)])
    for place, letter in enumerate(text, 1):
        if not " " <= letter <= "~" and letter != "\t":
            message = f"Character {place} (U+{ord(letter):04X}) is not a printable ASCII character."
            raise BadExpression([Refusal("characters", message)])
    said = " ".join(text.split())
    if not said:
        raise BadExpression([Refusal("required", "It is empty.")])
    return said


def _expanded(said: str, grammar: Grammar) -> str:
    """Return the fields that a nickname stands for, and anything else as it is."""
    if not said.startswith("@"):
        return said
    known = grammar.nicknames
    if said.lower() in known:
        return known[said.lower()]
    if not known:
        message = "Names such as @daily belong to the dialect unix."
    elif said.lower() == "@reboot":
        message = (
            "@reboot is no time: the moments of a job do not depend on when the server starts."
        )
    else:
        near = difflib.get_close_matches(said.lower()[:24], known, n=1)
        message = f"{said[:24]} is not known."
        message += f" Did you mean {near[0]}?" if near else f" There are {', '.join(known)}."
    raise BadExpression([Refusal("unknown", message)])


def _read_fields(parts: list[str], grammar: Grammar) -> list[FieldValues]:
    """Return the six fields. Raises: BadExpression with all mistakes of all fields."""
    if len(parts) not in {5, 6}:
        many = "1 field" if len(parts) == 1 else f"{len(parts)} fields"
        message = f"It has {many}, where there must be {grammar.shape}."
        if len(parts) == 7 or any("?" in part for part in parts):
            message += " Quartz's year and ? are not known here: leave the year out, write * for ?."
        raise BadExpression([Refusal("length", message)])
    kinds = grammar.kinds[-len(parts) :]
    found = [read_field(*said) for said in zip(parts, kinds, range(1, 7), strict=False)]
    refusals = [refusal for _, refused in found for refusal in refused]
    if refusals:
        raise BadExpression(refusals)
    return [_ZERO] * (6 - len(parts)) + [values for values, _ in found]


def _month_rule(day: FieldValues, weekday: FieldValues, *, either: bool) -> MonthRule:
    """Return which days of an allowed month the two fields name.

    What leaves nothing out is said as no restriction at all.
    """
    any_day, any_weekday = len(day.values) == 31, len(weekday.values) == 7
    if either and (any_day or any_weekday):
        return _EVERY_DAY
    days = day.values | ({-1} if day.last_day else set())
    weekdays = frozenset((value + 6) % 7 for value in weekday.values)
    nth = frozenset(((value + 6) % 7, which) for value, which in weekday.nth)
    return MonthRule(
        days=frozenset() if any_day else days,
        last_workday=day.last_workday and not any_day,
        weekdays=frozenset() if any_weekday else weekdays,
        nth=frozenset(pair for pair in nth if pair[0] not in weekdays),
        both=not either,
    )
