"""What a calendar is made of: dates, ranges of dates, windows of the week."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self

from jobsched.calendars.base import DAY, WHOLE_DAY, Window, merged

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Part(Protocol):
    """One of the things that a calendar excludes; a value that can be compared and pickled."""

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the closed windows of *day*, as a calendar does."""

    def reason(self, day: int, second: int) -> str:
        """Return why *second* of *day*, which is closed, is."""


@dataclass(frozen=True, slots=True)
class Dates:
    """Whole days, one by one."""

    days: frozenset[int]

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the whole day if it is one of them."""
        return WHOLE_DAY if day in self.days else ()

    def reason(self, day: int, second: int) -> str:
        """Return that the date is listed."""
        del day, second
        return "a listed date"


@dataclass(frozen=True, slots=True)
class Ranges:
    """Whole days from the first to the last of each of *spans*, which come in order, apart."""

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> Self:
        """Return the ranges from first to last, both included, in any order."""
        # Read as windows they end before their second number; ranges that touch become one.
        windows = merged(*(((first, last + 1),) for first, last in spans))
        return cls(tuple((start, end - 1) for start, end in windows))

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the whole day if it lies in one of them."""
        return WHOLE_DAY if self._span(day) else ()

    def reason(self, day: int, second: int) -> str:
        """Return the range, as in ``2026-08-03 to 2026-08-14``."""
        del second
        span = self._span(day)
        return "" if span is None else " to ".join(str(date.fromordinal(end)) for end in span)

    def _span(self, day: int) -> tuple[int, int] | None:
        place = bisect_right(self.spans, (day, day + DAY * DAY)) - 1
        return self.spans[place] if place >= 0 and day <= self.spans[place][1] else None


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same windows every week; *windows* are those of Monday to Sunday."""

    windows: tuple[tuple[Window, ...], ...]

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the windows of the day of the week."""
        return self.windows[(day - 1) % 7]

    def reason(self, day: int, second: int) -> str:
        """Return for instance ``every Saturday`` or ``every Friday 18:00 to 24:00``."""
        name = WEEKDAYS[(day - 1) % 7]
        for start, end in self.closed(day):
            if start <= second < end and (start, end) != (0, DAY):
                return f"every {name} {clock_time(start)} to {clock_time(end)}"
        return f"every {name}"


def clock_time(second: int) -> str:
    """Return a second of the day as ``18:00``, with seconds only when there are any."""
    minutes, seconds = divmod(second, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text
