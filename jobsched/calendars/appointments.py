"""Events of an .ics file: what they close, repeated ones as far as they are asked for.

All-day events, and times without a zone, are local wherever they are asked for. Events with a zone
happen at instants, and close what the clocks of the asking zone show then.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

from jobsched.calendars.base import DAY, Window, merged

MOST_REPEATED = 100_000  # times that one event happens at most; 270 years of days


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: from *start*, a local time of *zone* (None = any), for *length*.

    *rule* is an RRULE whose UNTIL is local, too; *more* are further starts, *less* those that are
    left out.
    """

    start: datetime
    length: timedelta
    zone: str | None = None
    summary: str = ""
    rule: str | None = None
    more: tuple[datetime, ...] = ()
    less: frozenset[datetime] = frozenset()

    def starts(self) -> Iterator[datetime]:
        """Yield the local times at which it begins: first the further ones, then in order."""
        repeated = (self.start,) if self.rule is None else self.repeated()
        every = chain(self.more, islice(repeated, MOST_REPEATED))
        return (start for start in every if start not in self.less)

    def repeated(self) -> Any:
        """Return the times of the rule. Raises: ValueError if it is none."""
        from dateutil.rrule import rrulestr

        return rrulestr(self.rule, dtstart=self.start)

    def local(self, start: datetime, zone: str | None) -> tuple[datetime, datetime]:
        """Return beginning and end of one that begins at *start*, by the clocks of *zone*."""
        if self.zone is None:
            return start, start + self.length
        begin = start.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        shown = ZoneInfo(zone or self.zone)
        first, last = (moment.astimezone(shown) for moment in (begin, begin + self.length))
        first, last = first.replace(tzinfo=None), last.replace(tzinfo=None)
        return first, last if first < last else first + self.length  # set back meanwhile


class _Pages:
    """What events close, by day, grown year by year."""

    def __init__(self, events: tuple[Event, ...], zone: str | None) -> None:
        self._zone = zone
        self._rows = [(event, event.starts()) for event in events]
        self._waiting: list[tuple[Event, datetime]] = []
        self._reached = 0
        self._days: dict[int, list[tuple[Window, str]]] = {}
        self._growing = threading.Lock()

    def day(self, day: int) -> list[tuple[Window, str]]:
        """Return the windows of *day* with what they are called."""
        year = date.fromordinal(max(day, 1)).year
        with self._growing:
            if year >= self._reached:
                self._grow(min(year + 1, MAXYEAR))
        return self._days.get(day, [])

    def _grow(self, year: int) -> None:
        """Enter what begins up to the end of *year*."""
        self._reached = year
        waiting, self._waiting = self._waiting, []
        for event, start in waiting:
            self._enter(event, start)
        self._rows = [row for row in self._rows if self._read(*row)]

    def _read(self, event: Event, starts: Iterator[datetime]) -> bool:
        """Enter the next ones of *starts*; return whether there may be more."""
        for start in starts:
            self._enter(event, start)
            if start.year > self._reached and start not in event.more:
                return True
        return False

    def _enter(self, event: Event, start: datetime) -> None:
        if start.year > self._reached:
            self._waiting.append((event, start))
            return
        for day, window in _by_day(*event.local(start, self._zone)):
            self._days.setdefault(day, []).append((window, event.summary))


@dataclass(frozen=True, slots=True)
class Appointments:
    """The *events* of one file, by the clocks of *zone*; without one, by their own."""

    events: tuple[Event, ...]
    zone: str | None = None
    _pages: _Pages = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pages", _Pages(self.events, self.zone))

    def __reduce__(self) -> tuple[object, ...]:
        return Appointments, (self.events, self.zone)

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return what the events close of *day*."""
        return merged(*((window,) for window, _ in self._pages.day(day)))

    def reason(self, day: int, second: int) -> str:
        """Return what the event at *second* of *day* is called."""
        for (start, end), summary in self._pages.day(day):
            if start <= second < end:
                return summary or "an event"
        return ""

    def in_zone(self, zone: str) -> "Appointments":
        """Return the same events by the clocks of *zone*."""
        return Appointments(self.events, zone)


def _by_day(first: datetime, last: datetime) -> Iterator[tuple[int, Window]]:
    """Yield each day between two local times with the part of it that lies between them."""
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight < last:
        start, end = ((moment - midnight).total_seconds() for moment in (first, last))
        yield midnight.toordinal(), (int(max(0, start)), int(min(DAY, end)))
        midnight += timedelta(days=1)
