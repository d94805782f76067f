"""A cron expression in plain English.

Complete: two expressions told in the same words have the same moments, also on the days of clock
changes. Times of day are told as such while they are few, else field by field; the days come from
the expression's month rule, in which ``*`` and the like are gone already.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from jobsched.triggers.cron.dialects import MONTHS, WEEKDAYS
from jobsched.triggers.cron.expression import Expression
from jobsched.triggers.daytimes import DayTimes

_MOST_TIMES = 8  # so many times of day are listed
_ROW = 3  # numbers in a row from which on "a to b" is said
_STEPS = 4  # numbers at equal distances from which on "every 5th" is said
_DAYS = (*WEEKDAYS[1:], WEEKDAYS[0])  # Monday = 0, as in month rules
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_FIXED_ALL_THE_SAME = ", each time once a day"
_LITERAL_ALL_THE_SAME = ", whenever the clock shows it"


def tell(expression: Expression) -> str:
    """Return for instance ``Every 5 minutes`` or ``Monday to Friday at 09:00``."""
    times = _times(expression.times, fixed=expression.fixed)
    repeats = "every" in times.lower()
    # Repeating times follow the clock when it is changed, single ones happen once whatever it
    # does. Where an expression is written so that it is the other way round, it is said.
    unusual = _FIXED_ALL_THE_SAME if repeats else _LITERAL_ALL_THE_SAME
    kind = unusual if repeats == expression.fixed else ""
    text = _repeating(times, expression) if repeats else _single(times, expression)
    return text[0].upper() + text[1:] + kind


def _single(times: str, expression: Expression) -> str:
    """Return days and single times, mostly the days first."""
    rule, months = expression.month_rule, _months(expression.months)
    named = _named_days(expression, months)
    if not named:
        plain = _every_weekday(rule.weekdays) if rule.weekdays else "every day"
        return f"{plain} {times}{f' in {months}' if months else ''}"
    only_nth = rule.nth and not (rule.days or rule.last_workday or rule.weekdays)
    days = f"{times} {named}" if only_nth else f"{named} {times}"
    return days + _condition(expression) + _months_apart(expression, months)


def _repeating(times: str, expression: Expression) -> str:
    """Return repeating times, then the days."""
    rule, months = expression.month_rule, _months(expression.months)
    named = _named_days(expression, months)
    if named:
        return f"{times} {named}{_condition(expression)}{_months_apart(expression, months)}"
    plain = f" on {_weekdays(rule.weekdays)}" if rule.weekdays else ""
    return f"{times}{plain}{f' in {months}' if months else ''}"


def _named_days(expression: Expression, months: str) -> str:
    """Return the days that belong to a month, "" when there are only plain weekdays or none."""
    rule = expression.month_rule
    of = f"of {months if months and not _is_mixed(expression) else 'the month'}"
    numbered = _numbered(rule.days, last_workday=rule.last_workday)
    weekdays = _named_weekdays(expression, of) if not numbered or not rule.both else ""
    if not numbered and not rule.nth:
        return ""
    return " and ".join(part for part in (numbered and f"on {numbered} {of}", weekdays) if part)


def _is_mixed(expression: Expression) -> bool:
    """Return whether the months hold for more than one group of days."""
    rule = expression.month_rule
    groups = (rule.days or rule.last_workday, rule.weekdays, rule.nth)
    return sum(1 for group in groups if group) > 1


def _months_apart(expression: Expression, months: str) -> str:
    return f", in {months}" if months and _is_mixed(expression) else ""


def _condition(expression: Expression) -> str:
    """Return the weekday that a numbered day must be as well."""
    rule = expression.month_rule
    if not rule.both or not (rule.days or rule.last_workday):
        return ""
    choices = [f"a {_DAYS[day]}" for day in sorted(rule.weekdays)]
    choices += [
        f"the {_NTH[which]} {_DAYS[day]} of the month" for day, which in _in_order(rule.nth)
    ]
    return f", if it is {_joined(choices, 'or')}" if choices else ""


def _numbered(days: Iterable[int], *, last_workday: bool) -> str:
    """Return for instance ``days 1 to 7 and the last day``."""
    numbers = sorted(day for day in days if day > 0)
    parts = [_listed(numbers, "day")] if numbers else []
    if -1 in days:
        parts.append("the last day")
    if last_workday:
        parts.append("the last day from Monday to Friday")
    return _joined(parts) if parts else ""


def _named_weekdays(expression: Expression, of: str) -> str:
    """Return for instance ``on Mondays and on the last Friday of the month``."""
    rule = expression.month_rule
    parts = [f"on {_weekdays(rule.weekdays)}"] if rule.weekdays else []
    nth = [f"the {_NTH[which]} {_DAYS[day]}" for day, which in _in_order(rule.nth)]
    if nth:
        parts.append(f"on {_joined(nth)} {of}")
    return " and ".join(parts)


def _in_order(nth: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pairs of a weekday and which one of the month, the last one behind the others."""
    return sorted(nth, key=lambda pair: (pair[0], pair[1] < 0, pair[1]))


def _weekdays(days: Iterable[int]) -> str:
    """Return for instance ``Mondays to Fridays``."""
    return _joined([" to ".join(f"{_DAYS[day]}s" for day in row) for row in _rows(days)])


def _every_weekday(days: Iterable[int]) -> str:
    """Return for instance ``Monday to Friday``, ``every Monday and Thursday``."""
    rows = _rows(days)
    named = _joined([" to ".join(_DAYS[day] for day in row) for row in rows])
    return named if any(len(row) > 1 for row in rows) else f"every {named}"


def _months(months: Iterable[int]) -> str:
    """Return for instance ``March to May and July``, "" for all."""
    rows = _rows(months)
    if rows == [(1, 12)]:
        return ""
    return _joined([" to ".join(MONTHS[month - 1] for month in row) for row in rows])


def _times(times: DayTimes, *, fixed: bool) -> str:
    """Return the times of day, such as ``at 09:00`` or ``every 5 minutes from 09:00 to 16:55``."""
    units = [_Unit("hour", times.hours), _Unit("minute", times.minutes)]
    units.append(_Unit("second", times.seconds))
    while len(units) > 1 and units[-1].values == (0,):
        units.pop()
    pace = units[-1].pace()
    few = times.total <= _MOST_TIMES and (fixed or not pace)
    if few:
        return f"at {_joined([_clock(times, second) for second in _all_times(times)])}"
    span = f"from {_clock(times, times.first)} to {_clock(times, _last(times))}"
    once_an_hour = len(times.minutes) == len(times.seconds) == 1
    if fixed and once_an_hour and _is_row(times.hours):
        return f"hourly {span}"
    if not pace:
        return _field_by_field(units)
    if units[-1].name == "minute" and _is_row(times.hours) and len(times.hours) < 24:
        return f"{pace} {span}"
    return _during(pace, units[:-1])


class _Unit(NamedTuple):
    """The values of one of the fields of time."""

    name: str
    values: tuple[int, ...]

    @property
    def turn(self) -> int:
        return 24 if self.name == "hour" else 60

    def pace(self) -> str:
        """Return ``every minute`` or ``every 5 minutes``; "" if the distances differ."""
        if len(self.values) == self.turn:
            return f"every {self.name}"
        step = self.values[-1] - self.values[-2] if len(self.values) > 1 else 0
        even = step > 0 and self.turn % step == 0
        regular = even and self.values == tuple(range(0, self.turn, step))
        return f"every {step} {self.name}s" if regular else ""

    def listed(self) -> str:
        """Return ``every minute`` or ``minutes 5 and 10``."""
        all_of_them = len(self.values) == self.turn
        return f"every {self.name}" if all_of_them else _listed(self.values, self.name)


def _field_by_field(units: Sequence[_Unit]) -> str:
    """Return for instance ``at minutes 5 and 35 of every hour``; *units* begin with the hours."""
    inner = [] if len(units) > 1 else [_Unit("minute", (0,))]
    said = [unit.listed() for unit in (*inner, *reversed(units))]
    if said[-2:] == ["every minute", "every hour"]:
        said.pop()
    return f"at {' of '.join(said)}"


def _during(pace: str, outer: Sequence[_Unit]) -> str:
    """Return *pace* within the restricted ones of the *outer* units, which begin with the hours."""
    said = [unit.listed() for unit in reversed(outer)]
    if said[:1] == ["every minute"]:
        said = said[1:]
    return f"{pace} during {' of '.join(said)}" if set(said) - {"every hour"} else pace


def _all_times(times: DayTimes) -> list[int]:
    fields = product(times.hours, times.minutes, times.seconds)
    return [hour * 3600 + minute * 60 + second for hour, minute, second in fields]


def _last(times: DayTimes) -> int:
    return times.hours[-1] * 3600 + times.minutes[-1] * 60 + times.seconds[-1]


def _clock(times: DayTimes, second: int) -> str:
    """Return a time of day, with seconds only if any of the *times* has some."""
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return text if times.seconds == (0,) else f"{text}:{second % 60:02}"


def _listed(values: Sequence[int], unit: str) -> str:
    """Return ``minute 5``, ``minutes 5, 10 to 20 and 40`` or ``every 5th minute from 3 to 58``."""
    step = values[1] - values[0] if len(values) >= _STEPS else 1
    if step > 1 and list(values) == list(range(values[0], values[-1] + 1, step)):
        return f"every {_ordinal(step)} {unit} from {values[0]} to {values[-1]}"
    text = _joined([" to ".join(str(value) for value in row) for row in _rows(values)])
    return f"{unit}{'s' if len(values) > 1 else ''} {text}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")
    return f"{number}{ending}"


def _rows(values: Iterable[int]) -> list[tuple[int, ...]]:
    """Return the values in order, those of a long row as its first and last."""
    rows: list[list[int]] = []
    for value in sorted(values):
        if rows and value == rows[-1][-1] + 1:
            rows[-1].append(value)
        else:
            rows.append([value])
    told: list[tuple[int, ...]] = []
    for row in rows:
        told += [(row[0], row[-1])] if len(row) >= _ROW else [(value,) for value in row]
    return told


def _is_row(values: Sequence[int]) -> bool:
    return len(values) == values[-1] - values[0] + 1


def _joined(parts: Sequence[str], word: str = "and") -> str:
    """Return ``a, b and c``."""
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last
