"""Days on which a rule has moments: all, every so many, certain weekdays, days of months.

Days are counted as ``date.toordinal`` does: day 1 is 1 January of the year 1, a Monday.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, date

LAST_DAY = date(MAXYEAR, 12, 30).toordinal()
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Weekdays and lengths of months come back within so many years, the turn of a century included.
_LONGEST_SEARCH = 12 * 41

# The days of a month as bits (bit d = day d), from the weekday of its first day (Monday = 0) and
# its length. It must be hashable, and equal to others that name the same days.
MonthRule = Callable[[int, int], int]


class Days(ABC):
    """A set of days."""

    __slots__ = ()

    @abstractmethod
    def at_or_after(self, day: int) -> int | None:
        """Return the first day of the set that is *day* or later, None if there is none."""

    @abstractmethod
    def count(self, first: int, end: int) -> int:
        """Return how many days of the set there are from *first* on and before *end*."""


@dataclass(frozen=True, slots=True)
class EveryDay(Days):
    """All days."""

    def at_or_after(self, day: int) -> int | None:
        """Return *day*."""
        return day if day <= LAST_DAY else None

    def count(self, first: int, end: int) -> int:
        """Return how many days there are."""
        return max(0, end - first)


@dataclass(frozen=True, slots=True)
class EveryFewDays(Days):
    """Every *step* days from the day *start* on, forwards and backwards."""

    start: int
    step: int

    def at_or_after(self, day: int) -> int | None:
        """Return the next day of the grid."""
        found = day + (self.start - day) % self.step
        return found if found <= LAST_DAY else None

    def count(self, first: int, end: int) -> int:
        """Return how many days of the grid there are, by division."""
        begin = first + (self.start - first) % self.step
        return max(0, (end - 1 - begin) // self.step + 1)


@dataclass(frozen=True, slots=True)
class Weeks(Days):
    """The *weekdays* (Monday = 0) of every *step*-th week; weeks begin on Monday.

    The week that holds the day *start* is one of them.
    """

    start: int
    step: int
    weekdays: tuple[int, ...]

    def at_or_after(self, day: int) -> int | None:
        """Return the next such weekday in this week or one of the following."""
        length = 7 * self.step
        origin = self.start - (self.start - 1) % 7
        turn, place = divmod(day - origin, length)
        found = next((weekday for weekday in self.weekdays if weekday >= place), None)
        if found is None:
            turn, found = turn + 1, self.weekdays[0]
        found += origin + turn * length
        return found if found <= LAST_DAY else None

    def count(self, first: int, end: int) -> int:
        """Return how many there are: whole turns and the rest of one."""
        return max(0, self._before(end) - self._before(first))

    def _before(self, day: int) -> int:
        length = 7 * self.step
        origin = self.start - (self.start - 1) % 7
        turn, place = divmod(day - origin, length)
        return turn * len(self.weekdays) + sum(weekday < place for weekday in self.weekdays)


class MonthDays(Days):
    """The days that *rule* names in the months *months* (1-12), of every *step*-th month.

    Months are counted from *origin* (year * 12 + month - 1), which matters only with a step.
    """

    __slots__ = ("_table", "months", "origin", "rule", "step")

    def __init__(
        self, months: Iterable[int], rule: MonthRule, step: int = 1, origin: int = 0
    ) -> None:
        self.months = frozenset(months)
        self.rule = rule
        self.step = step
        self.origin = origin
        self._table: dict[int, int] = {}  # the bits by weekday of the first day and length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MonthDays) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def at_or_after(self, day: int) -> int | None:
        """Return the next such day; looks no further than the calendar repeats."""
        if day > LAST_DAY:
            return None
        begin = date.fromordinal(day)
        base, number = day - begin.day, begin.year * 12 + begin.month - 1
        bits = self._bits(number, base) >> begin.day << begin.day
        last = min(number + _LONGEST_SEARCH * self.step, MAXYEAR * 12 + 11)
        while not bits:
            number += self.step - (number - self.origin) % self.step
            if number > last:
                return None
            if number % 12 + 1 in self.months:
                base = _day_before(number)
                bits = self._bits(number, base)
        found = base + (bits & -bits).bit_length() - 1
        return found if found <= LAST_DAY else None

    def count(self, first: int, end: int) -> int:
        """Return how many there are, month by month."""
        if first >= end:
            return 0
        begin, stop = date.fromordinal(first), date.fromordinal(end)
        low, high = begin.year * 12 + begin.month - 1, stop.year * 12 + stop.month - 1
        before = _below(self.bits_of(low), begin.day)
        whole = sum(self.bits_of(number).bit_count() for number in range(low, high))
        return whole + _below(self.bits_of(high), stop.day) - before

    def bits_of(self, number: int) -> int:
        """Return the days of the month *number* (year * 12 + month - 1) as bits."""
        return self._bits(number, _day_before(number))

    def _bits(self, number: int, base: int) -> int:
        """Return the days of a month as bits; *base* is the day before its first."""
        month = number % 12 + 1
        if month not in self.months or (number - self.origin) % self.step:
            return 0
        length = length_of(number // 12, month)
        place = base % 7 * 32 + length
        bits = self._table.get(place)
        if bits is None:
            bits = self._table[place] = self.rule(base % 7, length)
        return bits

    def _key(self) -> tuple[object, ...]:
        return self.months, self.rule, self.step, self.origin % self.step


def length_of(year: int, month: int) -> int:
    """Return how many days a month has."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _LENGTHS[month]


def _day_before(number: int) -> int:
    """Return the day before the first of the month *number*."""
    return date(number // 12, number % 12 + 1, 1).toordinal() - 1


def _below(bits: int, day: int) -> int:
    """Return how many of the days in *bits* come before *day*."""
    return (bits & ((1 << day) - 1)).bit_count()
