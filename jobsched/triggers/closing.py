"""When calendars close, by the clocks of one zone: local windows made into instants and back.

All instants here are seconds since 1970 UTC. Local times are such seconds plus the offset; days
are counted as ``date.toordinal`` does.
"""

from collections.abc import Iterator
from typing import NamedTuple

from jobsched.calendars import Calendar, Window
from jobsched.calendars.base import WHOLE_DAY, merged
from jobsched.calendars.marks import mark_of
from jobsched.calendars.named import NamedCalendar
from jobsched.triggers.days import LAST_DAY
from jobsched.triggers.timeline import Timeline

DAY = 86_400
EPOCH_DAY = 719_163  # 1 January 1970, as date.toordinal counts
HORIZON = 20 * 366 * DAY  # what is closed for so long is closed for ever
_LEAP = 2 * DAY  # more than any clock differs from UTC, and is ever moved
_MOST_REMEMBERED = 20_000  # days; more than 50 years
_MOST_SHARED = 200  # zones and calendars that jobs name together


class Closed(NamedTuple):
    """One closed window of the local *day* as instants from *start* on and before *end*."""

    day: int
    start: int
    end: int


class Closing:
    """What the *calendars* close together, in the zone of *timeline*."""

    __slots__ = (
        "_barred", "_basis", "_calendars", "_runs", "_shut", "_takes", "_timeline", "closed",
        "given",
    )  # fmt: skip

    def __init__(self, timeline: Timeline, calendars: tuple[Calendar, ...]) -> None:
        self._timeline = timeline
        self.given = calendars
        self._basis: str | None = None
        self._barred: dict[int, tuple[Window, ...]] = {}
        self._runs: dict[int, int] = {}  # of days in a row that are closed: the one after them
        self._takes: dict[tuple[int, int], bool] = {}
        self._shut: dict[tuple[int, int], tuple[int, int]] = {}
        self._calendars = tuple(
            one.in_zone(timeline.name) if isinstance(one, NamedCalendar) else one
            for one in calendars
        )
        union = NamedCalendar("", self._calendars)
        self.closed = union.closed if len(calendars) > 1 else self._calendars[0].closed

    @property
    def basis(self) -> str:
        """A short text that is another one when other things are in the calendars."""
        if self._basis is None:
            self._basis = mark_of(self.given)
        return self._basis

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
            if self.closed(day + EPOCH_DAY) == WHOLE_DAY:
                second = max(second, self.instant(self.run_end(day + EPOCH_DAY), 0))
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
        found = self._barred.get(day)
        if found is None:
            if len(self._barred) >= _MOST_REMEMBERED:
                self._barred.clear()
            found = self._barred[day] = self._find_barred(day)
        return found

    def takes_over(self, day: int, away: int) -> bool:
        """Return whether *day* is open at a time at which the day *away* before it is closed."""
        found = self._takes.get((day, away))
        if found is None:
            if len(self._takes) >= _MOST_REMEMBERED:
                self._takes.clear()
            barred, others = self.barred(day), self.barred(day - away)
            found = barred != others and bool(both(rest_of_day(barred), others))
            self._takes[day, away] = found
        return found

    def opens(self, day: int, time: int, away: int, most: int) -> int | None:
        """Return the nearest day, in steps of *away* from *day*, that is open at *time*.

        None if none of the next *most* days is.
        """
        first = other = day + away
        low, high = self._shut.get((time, away), (0, 0))  # days in between are not open
        if low <= first * away <= high:
            first, other = low * away, high * away
        last = day + most * away
        while (last - other) * away >= 0 and _is_in(self.barred(other), time):
            other += away
        if len(self._shut) >= _MOST_REMEMBERED:
            self._shut.clear()
        self._shut[time, away] = first * away, other * away
        return other if (last - other) * away >= 0 else None

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

    def _find_barred(self, day: int) -> tuple[Window, ...]:
        closed = self.closed(day)
        if self._is_plain(day):
            return closed
        return merged(closed, *((gap,) for gap in self._dead_gaps(day)))

    def run_end(self, day: int) -> int:
        """Return the first day from *day* on that is not closed as a whole."""
        found = self._runs.get(day)
        if found is None and self.closed(day) != WHOLE_DAY:
            return day
        if found is None:
            found, last = day, min(day + HORIZON // DAY, LAST_DAY)
            while found < last and self.closed(found) == WHOLE_DAY:
                found += 1
            if len(self._runs) + found - day >= _MOST_REMEMBERED:
                self._runs.clear()
            self._runs |= dict.fromkeys(range(day, found), found)
        return found

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


def _is_in(windows: tuple[Window, ...], time: int) -> bool:
    return any(start <= time < end for start, end in windows)


_shared: dict[tuple[str, tuple[int, ...]], Closing] = {}


def closing(timeline: Timeline, calendars: tuple[Calendar, ...]) -> Closing:
    """Return the one that all triggers of this zone with these very calendars share.

    What one of them has looked up is then known to the others.
    """
    key = timeline.name, tuple(map(id, calendars))
    found = _shared.get(key)
    if found is None or found.given != calendars:
        if len(_shared) >= _MOST_SHARED:
            _shared.clear()
        found = _shared[key] = Closing(timeline, calendars)  # holds them, so their ids stay theirs
    return found


def both(some: tuple[Window, ...], others: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return what lies in both rows of windows."""
    pairs = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return tuple((start, end) for start, end in pairs if start < end)


def rest_of_day(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return the times of a day outside of *windows*, which come in order, apart."""
    starts = [0, *(end for _, end in windows)]
    ends = [*(start for start, _ in windows), DAY]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start < end)
