"""Which days of a month a rule names: numbered ones, weekdays, the n-th weekday."""

from dataclasses import dataclass

SATURDAY = 5
_ALL = -1  # every bit
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class MonthRule:
    """Days named by number and by weekday; the two groups joined by *both* or by either.

    *days* are 1 to 31, or -1 to -31 from the end. *last_workday* adds the last day from Monday
    to Friday. *weekdays* (Monday = 0) are named each time they come; *nth* holds pairs of a
    weekday and which one of the month, 1 to 5 or -1 to -5 from the end. A group in which nothing
    is named allows all days when *both* must agree, and none when either is enough. Called with
    the weekday of the first day and the length of a month, a rule returns its days as bits.
    """

    days: frozenset[int] = frozenset()
    last_workday: bool = False
    weekdays: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()
    both: bool = False

    def __call__(self, first_weekday: int, length: int) -> int:
        """Return the days of such a month: bit d is set for day d."""
        every = (1 << (length + 1)) - 2
        numbered, named = self._numbered(first_weekday, length), self._named(first_weekday, length)
        if not self.both:
            return (numbered | named) & every
        restricted = numbered if self.days or self.last_workday else _ALL
        return restricted & (named if self.weekdays or self.nth else _ALL) & every

    def lacks(self, first_weekday: int, length: int) -> tuple[str, ...]:
        """Return what such a month lacks if it is too short for the rule, else ().

        For instance ``("day 30", "day 31")`` or ``("fifth Monday",)``: all that the rule names,
        or all of one group where both must agree. A month in which day and weekday only do not
        meet, such as one without a Friday the 13th, lacks nothing.
        """
        days: tuple[str, ...] = ()
        fifths: tuple[str, ...] = ()
        if not self._numbered(first_weekday, length):
            days = tuple(f"day {day}" for day in sorted(self.days, key=_by_place))
        if not self._named(first_weekday, length):
            weekdays = sorted({weekday for weekday, _ in self.nth})
            fifths = tuple(f"fifth {_WEEKDAYS[weekday]}" for weekday in weekdays)
        if self.both:
            return days or fifths
        return () if self(first_weekday, length) else days + fifths

    def _numbered(self, first_weekday: int, length: int) -> int:
        bits = 0
        for day in self.days:
            number = day if day > 0 else length + 1 + day
            bits |= 1 << number if 1 <= number <= length else 0
        if self.last_workday:
            last = (first_weekday + length - 1) % 7
            bits |= 1 << (length - max(0, last - SATURDAY + 1))
        return bits

    def _named(self, first_weekday: int, length: int) -> int:
        bits = 0
        for day in range(1, length + 1):
            if (first_weekday + day - 1) % 7 in self.weekdays:
                bits |= 1 << day
        for weekday, which in self.nth:
            first = 1 + (weekday - first_weekday) % 7
            last = first + (length - first) // 7 * 7
            day = first + 7 * (which - 1) if which > 0 else last + 7 * (which + 1)
            bits |= 1 << day if 1 <= day <= length else 0
        return bits


def _by_place(day: int) -> tuple[bool, int]:
    """Return what puts days in order: those from the start, then those from the end."""
    return day < 0, abs(day)
