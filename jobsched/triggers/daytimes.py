"""Times of day: every combination of some hours, minutes and seconds."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache


class DayTimes:
    """The times of a day at which a rule has a moment, in seconds since midnight.

    *hours*, *minutes* and *seconds* are the allowed values; none may be empty.
    """

    __slots__ = ("first", "hours", "minutes", "of_day", "seconds", "total")

    def __init__(
        self, hours: Iterable[int], minutes: Iterable[int], seconds: Iterable[int]
    ) -> None:
        self.hours = tuple(sorted(set(hours)))
        self.minutes = tuple(sorted(set(minutes)))
        self.seconds = tuple(sorted(set(seconds)))
        self.of_day = _minutes_of_day(self.hours, self.minutes)
        self.first = self.of_day[0] * 60 + self.seconds[0]
        self.total = len(self.of_day) * len(self.seconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DayTimes) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def at_or_after(self, second: int) -> int:
        """Return the first time at *second* of the day or later, -1 if there is none."""
        minute, rest = divmod(second, 60)
        place = bisect_left(self.of_day, minute)
        if place == len(self.of_day):
            return -1
        if self.of_day[place] == minute:
            within = bisect_left(self.seconds, rest)
            if within < len(self.seconds):
                return minute * 60 + self.seconds[within]
            place += 1
            if place == len(self.of_day):
                return -1
        return self.of_day[place] * 60 + self.seconds[0]

    def count_before(self, second: int) -> int:
        """Return how many times there are before *second* of the day."""
        minute, rest = divmod(second, 60)
        place = bisect_left(self.of_day, minute)
        count = place * len(self.seconds)
        if place < len(self.of_day) and self.of_day[place] == minute:
            count += bisect_left(self.seconds, rest)
        return count

    def _key(self) -> tuple[tuple[int, ...], ...]:
        return self.hours, self.minutes, self.seconds


@lru_cache(maxsize=4096)
def _minutes_of_day(hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the minutes since midnight; cached, so that equal rules share one table."""
    return tuple(hour * 60 + minute for hour in hours for minute in minutes)
