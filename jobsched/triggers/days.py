"""Days on which a rule has moments: all, every so many, certain weekdays, days of months.

Days are counted as ``date.toordinal`` does: day 1 is 1 January of the year 1, a Monday.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date
from math import gcd

from jobsched.triggers.monthdays import MonthRule

LAST_DAY = date(MAXYEAR, 12, 30).toordinal()
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# After 400 years lengths of months and weekdays repeat.
_CYCLE_DAYS, _CYCLE_MONTHS = 146_097, 4800
# A month of one length and first weekday comes back within so many months, the turn of a century
# included; with a step this holds only for the whole cycle.
_LONGEST_SEARCH = 12 * 41


class Days(ABC):
    """A set of days."""

    __slots__ = ()

    @abstractmethod
    def at_or_after(self, day: int) -> int | None:
        """Return the first day of the set that is *day* or later, None if there is none."""

    @property
    def cyclic(self) -> bool:
        """Whether the days come again after 400 years, as dates and weekdays do."""
        return True

    @abstractmethod
    def count(self, first: int, end: int) -> int:
        """Return how many days of the set there are from *first* on and before *end*."""

    def short_months(self, first: int, end: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the months in [first, end) that are too short for all the days named in them.

        Each as its number, year * 12 + month - 1, and what it lacks: ``("day 31",)``. Months
        that lie only partly in the time count too.
        """
        del first, end
        yield from ()


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

    @property
    def cyclic(self) -> bool:
        """Whether 400 years are a whole number of steps."""
        return _CYCLE_DAYS % self.step == 0

    def count(self, first: int, end: int) -> int:
        """Return how many days of the grid there are, by division."""
        begin = first + (self.start - first) % self.step
        return max(0, (end - 1 - begin) // self.step + 1)


@dataclass(frozen=True, slots=True)
class Weeks(Days):
    """The *weekdays* (in order, Monday = 0) of every *step*-th week; weeks begin on Monday.

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

    @property
    def cyclic(self) -> bool:
        """Whether 400 years are a whole number of steps."""
        return _CYCLE_DAYS % (7 * self.step) == 0

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

    __slots__ = ("_table", "_visits", "months", "origin", "rule", "step")

    def __init__(
        self, months: Iterable[int], rule: MonthRule, step: int = 1, origin: int = 0
    ) -> None:
        self.months = frozenset(months)
        self.rule = rule
        self.step = step
        self.origin = origin % step
        self._visits = _LONGEST_SEARCH if step == 1 else _CYCLE_MONTHS // gcd(_CYCLE_MONTHS, step)
        self._table: dict[int, int] = {}  # the bits by weekday of the first day and length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MonthDays) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[object, ...]:
        return MonthDays, self._key()

    def __repr__(self) -> str:
        return f"MonthDays{self._key()}"

    def at_or_after(self, day: int) -> int | None:
        """Return the next such day; looks no further than the calendar repeats."""
        if day > LAST_DAY:
            return None
        begin = date.fromordinal(day)
        base, number = day - begin.day, begin.year * 12 + begin.month - 1
        bits = self._bits(number, base) >> begin.day << begin.day
        last = min(number + self._visits * self.step, MAXYEAR * 12 + 11)
        while not bits:
            number += self.step - (number - self.origin) % self.step
            if number > last:
                return None
            if number % 12 + 1 in self.months:
                base = _day_before(number)
                bits = self._bits(number, base)
        found = base + (bits & -bits).bit_length() - 1
        return found if found <= LAST_DAY else None

    @property
    def cyclic(self) -> bool:
        """Whether 400 years are a whole number of steps."""
        return _CYCLE_MONTHS % self.step == 0

    def count(self, first: int, end: int) -> int:
        """Return how many there are: those of whole months, and of parts of two."""
        if first >= end:
            return 0
        begin, stop = date.fromordinal(first), date.fromordinal(end)
        low, high = begin.year * 12 + begin.month - 1, stop.year * 12 + stop.month - 1
        before, after = _below(self.bits_of(low), begin.day), _below(self.bits_of(high), stop.day)
        return self._whole(low, high) + after - before

    def short_months(self, first: int, end: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield those of the allowed months."""
        begin, stop = date.fromordinal(first), date.fromordinal(end - 1)
        low = begin.year * 12 + begin.month - 1
        low += (self.origin - low) % self.step
        for number in range(low, stop.year * 12 + stop.month, self.step):
            if number % 12 + 1 in self.months and not self.bits_of(number):
                length = length_of(number // 12, number % 12 + 1)
                if lacks := self.rule.lacks(_day_before(number) % 7, length):
                    yield number, lacks

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

    def _whole(self, low: int, high: int) -> int:
        """Return how many there are in the months from *low* on and before *high*."""
        year, last = -(-low // 12), high // 12
        if self.step > 1 or year >= last:
            begin = low + (self.origin - low) % self.step
            months = range(begin, high, self.step)
            return sum(self.bits_of(number).bit_count() for number in months)
        years = sum(self._of_year(number) for number in range(year, last))
        return self._whole(low, year * 12) + years + self._whole(last * 12, high)

    def _of_year(self, year: int) -> int:
        """Return how many there are in a year, remembered by its length and first weekday."""
        base, length = _day_before(year * 12), length_of(year, 2)
        place = -1 - (base % 7 * 32 + length)
        count = self._table.get(place)
        if count is None:
            numbers = range(year * 12, year * 12 + 12)
            count = sum(self.bits_of(number).bit_count() for number in numbers)
            self._table[place] = count
        return count

    def _key(self) -> tuple[frozenset[int], MonthRule, int, int]:
        return self.months, self.rule, self.step, self.origin


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
