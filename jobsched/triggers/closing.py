"""When calendars close, by the clocks of one zone: local windows made into instants and back.

All instants here are seconds since 1970 UTC. Local times are such seconds plus the offset; days
are counted as ``date.toordinal`` does.
"""

from collections.abc import Iterator
from typing import NamedTuple

from jobsched.calendars import Calendar, Window
from jobsched.calendars.base import merged
from jobsched.calendars.named import NamedCalendar
from jobsched.triggers.timeline import Timeline

DAY = 86_400
EPOCH_DAY = 719_163  # 1 January 1970, as date.toordinal counts
HORIZON = 20 * 366 * DAY  # what is closed for so long is closed for ever
_LEAP = 2 * DAY  # more than any clock differs from UTC, and is ever moved


class Closed(NamedTuple):
    """One closed window of the local *day* as instants from *start* on and before *end*."""

    day: int
    start: int
    end: int


class Closing:
    """What the *calendars* close together, in the zone of *timeline*."""

    __slots__ = ("_calendars", "_timeline", "closed")

    def __init__(self, timeline: Timeline, calendars: tuple[Calendar, ...]) -> None:
        self._timeline = timeline
        self._calendars = calendars
        both = NamedCalendar("", calendars)
        self.closed = calendars[0].closed if len(calendars) == 1 else both.closed

    def local(self, second: int) -> tuple[int, int]:
        """Return the local day and the second of it."""
        day, time = divmod(second + self._timeline.segment(second).offset, DAY)
        return day + EPOCH_DAY, time

    def instant(self, day: int, time: int) -> int:
        """Return when the clocks first show *time* of *day*, or what comes after it in a gap."""
        local = (day - EPOCH_DAY) * DAY + time
        segment = self._timeline.segment(local - _LEAP)
        while local - segment.offset >= segment.end:
            segment = self._timeline.segment(segment.end)
        return max(local - segment.offset, segment.start)

    def span(self, day: int, window: Window) -> tuple[int, int]:
        """Return two instants that have all of a *window* of *day* between them, perhaps more."""
        start, end = (self.instant(day, time) for time in window)
        return start, end if self._is_plain(day) else end + DAY

    def is_closed(self, second: int) -> bool:
        """Return whether *second* is closed."""
        day, time = self.local(second)
        return any(start <= time < end for start, end in self.closed(day))

    def reopens(self, second: int) -> int | None:
        """Return the first open instant from *second* on, None if none within the horizon."""
        limit = second + HORIZON
        while second < limit:
            segment = self._timeline.segment(second)
            day, time = divmod(second + segment.offset, DAY)
            ends = (end for start, end in self.closed(day + EPOCH_DAY) if start <= time < end)
            end = next(ends, None)
            if end is None:
                return second
            second = min(second - time + end, segment.end)
        return None

    def windows(self, first: int, end: int) -> Iterator[Closed]:
        """Yield what is closed from *first* on and before *end*, in order, day by day."""
        while first < end:
            segment = self._timeline.segment(first)
            stop = min(end, segment.end)
            midnight = first - (first + segment.offset) % DAY
            day = (midnight + segment.offset) // DAY + EPOCH_DAY
            while midnight < stop:
                for begin, until in self.closed(day):
                    start, over = max(first, midnight + begin), min(stop, midnight + until)
                    if start < over:
                        yield Closed(day, start, over)
                midnight, day = midnight + DAY, day + 1
            first = stop

    def stretches(self, first: int, end: int) -> Iterator[Window]:
        """Yield what is closed from *first* on and before *end* in as few pieces as there are."""
        begin = until = first
        for window in self.windows(first, end):
            if window.start > until:
                if begin < until:
                    yield begin, until
                begin = window.start
            until = window.end
        if begin < until:
            yield begin, until

    def barred(self, day: int) -> tuple[Window, ...]:
        """Return the times at which nothing can happen on *day*.

        These are closed ones, and those in a gap after which it is closed or another day.
        """
        closed = self.closed(day)
        if self._is_plain(day):
            return closed
        return merged(closed, *((gap,) for gap in self._dead_gaps(day)))

    def why(self, second: int) -> str:
        """Return the calendar that closes *second*, and its reason."""
        name, reason = self._cause(*self.local(second))
        return f"calendar {name}: {reason}"

    def excluder(self, second: int) -> str:
        """Return the same as ``calendar company excludes (Christmas Day)``."""
        name, reason = self._cause(*self.local(second))
        return f"calendar {name} excludes ({reason})"

    def _cause(self, day: int, time: int) -> tuple[str, str]:
        for calendar in self._calendars:
            if any(start <= time < end for start, end in calendar.closed(day)):
                return calendar.name, calendar.reason(day, time)
        return "", ""

    def _is_plain(self, day: int) -> bool:
        """Return whether no clock change is near *day*."""
        midnight = (day - EPOCH_DAY) * DAY
        return self._timeline.segment(midnight - _LEAP).end > midnight + DAY + _LEAP

    def _dead_gaps(self, day: int) -> Iterator[Window]:
        """Yield the times of *day* in gaps whose end is no open time of the same day."""
        midnight = (day - EPOCH_DAY) * DAY
        segment = self._timeline.segment(midnight - _LEAP)
        while segment.start < midnight + DAY + _LEAP:
            first, after = segment.start + segment.before, segment.start + segment.offset
            gap = max(0, first - midnight), min(DAY, after - midnight)
            if gap[0] < gap[1] and (after >= midnight + DAY or self.is_closed(segment.start)):
                yield gap
            segment = self._timeline.segment(segment.end)


def both(some: tuple[Window, ...], others: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return what lies in both rows of windows."""
    pairs = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return tuple((start, end) for start, end in pairs if start < end)


def rest_of_day(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return the times of a day outside of *windows*, which come in order, apart."""
    starts = [0, *(end for _, end in windows)]
    ends = [*(start for start, _ in windows), DAY]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start < end)
