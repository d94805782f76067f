"""Times of day: every combination of some hours, minutes and seconds."""

from collections.abc import Iterable


class DayTimes:
    """The times of a day at which a rule has a moment, in seconds since midnight.

    *hours*, *minutes* and *seconds* are the allowed values; none may be empty. They are kept as
    bits (bit n = value n): a table of all times would be up to 86,400 numbers for each job.
    """

    __slots__ = (
        "_hours", "_in_hour", "_minutes", "_seconds",
        "first", "hours", "minutes", "seconds", "total",
    )  # fmt: skip

    def __init__(
        self, hours: Iterable[int], minutes: Iterable[int], seconds: Iterable[int]
    ) -> None:
        self.hours = tuple(sorted(set(hours)))
        self.minutes = tuple(sorted(set(minutes)))
        self.seconds = tuple(sorted(set(seconds)))
        self._hours, self._minutes, self._seconds = map(_bits, self._key())
        self._in_hour = self.minutes[0] * 60 + self.seconds[0]
        self.first = self.hours[0] * 3600 + self._in_hour
        self.total = len(self.hours) * len(self.minutes) * len(self.seconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DayTimes) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[object, ...]:
        return DayTimes, self._key()

    def __repr__(self) -> str:
        return f"DayTimes{self._key()}"

    def at_or_after(self, second: int) -> int:
        """Return the first time at *second* of the day or later, -1 if there is none."""
        hour, rest = divmod(second, 3600)
        if self._hours >> hour & 1:
            minute, rest = divmod(rest, 60)
            if self._minutes >> minute & 1 and (later := self._seconds >> rest):
                return second + _lowest(later)
            if later := self._minutes >> minute + 1:
                return hour * 3600 + (minute + 1 + _lowest(later)) * 60 + self.seconds[0]
        later = self._hours >> hour + 1
        return (hour + 1 + _lowest(later)) * 3600 + self._in_hour if later else -1

    def count_before(self, second: int) -> int:
        """Return how many times there are before *second* of the day."""
        hour, rest = divmod(second, 3600)
        count = _below(self._hours, hour) * len(self.minutes) * len(self.seconds)
        if self._hours >> hour & 1:
            minute, rest = divmod(rest, 60)
            count += _below(self._minutes, minute) * len(self.seconds)
            if self._minutes >> minute & 1:
                count += _below(self._seconds, rest)
        return count

    def _key(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.hours, self.minutes, self.seconds


def _bits(values: Iterable[int]) -> int:
    return sum(1 << value for value in values)


def _lowest(bits: int) -> int:
    """Return the lowest of *bits* that is set; there is one."""
    return (bits & -bits).bit_length() - 1


def _below(bits: int, value: int) -> int:
    """Return how many of *bits* below *value* are set."""
    return (bits & ((1 << value) - 1)).bit_count()
