"""Moments that calendars exclude: left out, or moved to the nearest open day."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice
from operator import attrgetter

from jobsched.calendars import Calendar, Window
from jobsched.clock import SECOND
from jobsched.model import OnExcluded
from jobsched.triggers import landing
from jobsched.triggers.closing import DAY, HORIZON, Closing, both, closing, rest_of_day
from jobsched.triggers.landing import FURTHEST
from jobsched.triggers.series import FEW, EmptyMonth, Omission, Series
from jobsched.triggers.timeline import Timeline

MOST_A_DAY = 144  # moments that can be moved; whoever has more of them shall skip
MOST_MOVED = 10_000  # the count of a trigger that moves them
COUNTED = 3_660 * DAY * SECOND  # as far as a count is followed through calendars
YEAR = 366 * DAY * SECOND
_WEEK = 7 * DAY * SECOND
_NEAR = 40 * DAY * SECOND  # nearer than that, days are looked at one by one
_PAGE = 8  # days whose closed times are looked at before it is asked for the next moment
_MOST_SOURCES = 14 * MOST_A_DAY  # looked at for one day; they repeat each other long before
_MOST_REMEMBERED = 500  # days with what is moved to them


@dataclass(frozen=True, slots=True)
class Excluding(Series):
    """The moments of *inner* that the *calendars* leave open, by the days of a zone.

    Those at closed times are left out, or happen at the same time of the nearest day that is
    open then, as *rule* says. One that is moved to where there is one already is no other. When
    everything is closed for 20 years, nothing comes.
    """

    inner: Series
    timeline: Timeline
    calendars: tuple[Calendar, ...]
    rule: OnExcluded
    _closing: Closing = field(init=False, repr=False, compare=False)
    _moved: dict[int, dict[int, int]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _nothing: list[tuple[int, int]] = field(
        init=False, repr=False, compare=False, default_factory=lambda: [(0, 0)]
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_closing", closing(self.timeline, self.calendars))

    def __reduce__(self) -> tuple[object, ...]:
        return Excluding, (self.inner, self.timeline, self.calendars, self.rule)

    def is_dense(self, us: int) -> bool:
        """Return whether there are more moments a day, from *us* on, than can be moved."""
        return self.rule is not OnExcluded.SKIP and self.inner.most_a_day(us) > MOST_A_DAY

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*; closed stretches are leapt over."""
        found = self._open_after(us)
        if self.rule is OnExcluded.SKIP:
            return found
        for day in self._days_to_land(us, found):
            for moment in self._moved_to(day):
                if us < moment and (found is None or moment < found):
                    return moment
        return found

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are: all, less those at closed times, and those that are moved."""
        first = self.inner.next_after(first_us - 1)
        total = 0
        if first is not None and first < end_us:
            shut = self._shut(first, end_us)
            total = self.inner.count(first, end_us) - sum(self.inner.count(*part) for part in shut)
        return total + self._count_moved(first_us, end_us)

    def nth_after(self, us: int, number: int) -> int | None:
        """Return the moment *number* after *us*, None if it is not reached in ten years.

        These begin with the first moment; few moments may take a hundred years. None, too, for
        more moments than can be moved.
        """
        skip = self.rule is OnExcluded.SKIP
        first = self.inner.next_after(us if skip else us - 2 * YEAR)
        if first is None or (not skip and (number > MOST_MOVED or self.is_dense(us))):
            return None
        us = max(us, first - 1 if skip else first - 2 * YEAR)
        if self.inner.is_walked or number <= FEW:
            return next(islice(self.moments(us, us + _reach(number)), number - 1, None), None)
        return self._nth_open(us, number) if skip else self._nth_moved(us, number)

    def goes_on(self, us: int, number: int, last_us: int) -> bool:
        """Return whether moments, until *last_us*, lie beyond the reach of *number* of them."""
        first = self.next_after(us)
        if first is None or first + _reach(number) >= last_us:
            return False
        return self.next_after(first + _reach(number)) is not None

    @property
    def basis(self) -> str:
        """A short text that is another one when other things are in the calendars."""
        return self._closing.basis

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what is left out or moved away, and what *inner* leaves out of open days.

        All of them keep away from moments and from each other.
        """
        span = first_us, end_us
        rows = heapq.merge(self._closed_days(*span), self.inner.omissions(*span))
        free_us = first_us
        for _, group in groupby(rows, key=lambda row: row.date):
            found = list(group)
            for row in [row for row in found if row.reason == "calendar"] or found:
                at_us = max(row.at_us, free_us)
                while self._is_moment(at_us):
                    at_us += 1
                yield row.entered_at(at_us)
                free_us = at_us + 1

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield those of *inner*, which no calendar changes."""
        return self.inner.empty_months(first_us, end_us)

    @property
    def may_omit(self) -> bool:
        """Whether there can be omissions: always."""
        return True

    def note(self, us: int) -> str | None:
        """Return where a moved moment comes from, together with what *inner* says."""
        source = None
        if self.rule is not OnExcluded.SKIP:
            source = self._moved_to(self._day(us)).get(us)
        if source is None:
            return self.inner.note(us)
        day = date.fromordinal(self._day(source))
        moved = f"moved from {day}, which {self._closing.excluder(source // SECOND)}"
        before = self.inner.note(source)
        return moved if before is None else f"{before}; {moved}"

    def _open_after(self, us: int) -> int | None:
        """Return the first moment of *inner* after *us* at an open time.

        Years in which there is none, for all are moved, are gone through only once.
        """
        moment = self.inner.next_after(us)
        if moment is None:
            return None
        limit = moment + HORIZON * SECOND
        begin, end = self._nothing[0]
        if begin <= us < end:
            moment = self.inner.next_after(end - 1)
        else:
            begin = us
        found = self._open_before(moment, limit)
        if found is None:
            self._nothing[0] = begin, limit
        return found

    def _open_before(self, moment: int | None, limit: int) -> int | None:
        """Return the first of *inner* from its *moment* on and before *limit* at an open time."""
        while moment is not None and moment < limit:
            second = moment // SECOND
            opening = self._closing.reopens(second)
            if opening is None or opening == second:
                return None if opening is None else moment
            moment = self.inner.next_after(opening * SECOND - 1)
        return None

    def _days_to_land(self, us: int, before: int | None) -> Iterable[int]:
        """Return the days on which a moved moment between *us* and *before* can land, or more."""
        start = self._day(us)
        if before is not None and before - us <= _NEAR:
            return range(start, self._day(before) + 2)
        source = self.inner.next_after(us)
        if before is not None:
            end = self._day(before) + 2
        else:
            last = 0 if source is None else self._day(source) + HORIZON // DAY
            end = max(last, start + FURTHEST + 1)
        days = landing.days_after if self.rule is OnExcluded.NEXT else landing.days_ahead
        return days(self._closing, self._next_day, start, end)

    def _next_day(self, day: int) -> int | None:
        """Return the day of the first moment of *inner* on *day* or later."""
        moment = self.inner.next_after(self._closing.instant(day, 0) * SECOND - 1)
        return None if moment is None else max(day, self._day(moment))

    def _moved_to(self, day: int) -> dict[int, int]:
        """Return the moments that happen on *day* only because they are moved: from where."""
        if not self._closing.takes_over(day, self._away):
            return {}
        if day not in self._moved:
            if len(self._moved) >= _MOST_REMEMBERED:
                self._moved.clear()
            self._moved[day] = self._landed(day, islice(self._sources(day), _MOST_SOURCES))
        return self._moved[day]

    def _sources(self, day: int) -> Iterator[tuple[int, int]]:
        """Yield the excluded moments for which *day* is the nearest open one: time, moment."""
        free = rest_of_day(self._closing.barred(day))
        for steps in range(1, FURTHEST + 1):
            other = day - steps * self._away
            for window in both(free, self._closing.closed(other)):
                yield from self._moments_in(other, window)
            free = both(free, self._closing.barred(other))
            if not free:
                return

    def _moments_in(self, day: int, window: Window) -> Iterator[tuple[int, int]]:
        """Yield the moments of *inner* in a *window* of *day*, each after its time of day."""
        start, end = self._closing.span(day, window)
        found = self.inner.moments(start * SECOND - 1, end * SECOND - 1)
        for moment in islice(found, 2 * MOST_A_DAY):
            local, time = self._closing.local(moment // SECOND)
            if local == day and window[0] <= time < window[1]:
                yield time, moment

    def _landed(self, day: int, sources: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Return where on *day* the *sources* happen, in order, less what happens there anyway."""
        found, looked_at = dict[int, int](), set[int]()
        for time, moment in sources:
            second = self._closing.instant(day, time)
            exact = self._closing.local(second) == (day, time)  # else right after a gap
            target = second * SECOND + (moment % SECOND if exact else 0)
            if target in looked_at:
                continue
            looked_at.add(target)
            if self.inner.next_after(target - 1) != target:
                found[target] = moment
        return dict(sorted(found.items()))

    def _shut(self, first_us: int, end_us: int) -> Iterator[tuple[int, int]]:
        """Yield the closed stretches from *first_us* on and before *end_us*, in microseconds."""
        for start, end in self._closing.stretches(first_us // SECOND, -(-end_us // SECOND)):
            yield max(first_us, start * SECOND), min(end_us, end * SECOND)

    def _count_moved(self, first_us: int, end_us: int) -> int:
        if self.rule is OnExcluded.SKIP or first_us >= end_us:
            return 0
        landed = (self._moved_to(day) for day in self._days_to_land(first_us - 1, end_us))
        return sum(first_us <= moment < end_us for moments in landed for moment in moments)

    def _nth_open(self, us: int, number: int) -> int | None:
        position, limit = us + 1, us + COUNTED
        for start, end in self._shut(position, limit):
            found = self.inner.count(position, start)
            if found >= number:
                break
            number, position = number - found, end
        nth = self.inner.nth_after(position - 1, number)
        return None if nth is None or nth > limit else nth

    def _nth_moved(self, us: int, number: int) -> int | None:
        limit = us + COUNTED
        while us < limit:
            following = self.next_after(us)
            if following is None:
                return None
            us = max(us, following - 1)
            found = self.count(us + 1, us + 1 + _WEEK)
            if found >= number:
                return next(islice(self.moments(us), number - 1, None))
            number, us = number - found, us + _WEEK
        return None

    def _closed_days(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield the days with moments at closed times; where these are rare, only theirs."""
        upcoming = self.inner.next_after(first_us - 1)
        while upcoming is not None and upcoming < end_us:
            begin = upcoming // SECOND
            stop = min(-(-end_us // SECOND), self._closing.instant(self._day(upcoming) + _PAGE, 0))
            for day, group in groupby(self._closing.windows(begin, stop), key=attrgetter("day")):
                parts = [
                    (max(first_us, window.start * SECOND), min(end_us, window.end * SECOND))
                    for window in group
                ]
                if upcoming < parts[-1][1]:
                    yield from self._omission(day, parts)
                    upcoming = self.inner.next_after(parts[-1][1] - 1)
                if upcoming is None or upcoming >= stop * SECOND:
                    break
            else:
                upcoming = self.inner.next_after(max(upcoming, stop * SECOND - 1))

    def _omission(self, day: int, parts: list[tuple[int, int]]) -> Iterator[Omission]:
        """Yield what is left out of the closed *parts* of *day*, if anything is."""
        counts = [self.inner.count(*part) for part in parts]
        filled = [part for part, count in zip(parts, counts, strict=True) if count]
        if not filled:
            return
        first = self.inner.next_after(filled[0][0] - 1)
        assert first is not None  # noqa: S101 - it has been counted
        note, target = self._closing.why(first // SECOND), self._target(first // SECOND)
        if target is not None:
            note += f"; moved to {date.fromordinal(target)}"
        last = first if sum(counts) == 1 else self.inner.newest(*filled[-1], 1)[0]
        yield Omission(first, last, sum(counts), str(date.fromordinal(day)), "calendar", note)

    def _target(self, second: int) -> int | None:
        """Return the day to which a moment at *second*, which is closed, is moved, if any."""
        if self.rule is OnExcluded.SKIP:
            return None
        day, time = self._closing.local(second)
        return self._closing.opens(day, time, self._away, FURTHEST)

    def _is_moment(self, us: int) -> bool:
        if self._closing.is_closed(us // SECOND):
            return False
        if self.inner.next_after(us - 1) == us:
            return True
        return self.rule is not OnExcluded.SKIP and us in self._moved_to(self._day(us))

    def _day(self, us: int) -> int:
        return self._closing.local(us // SECOND)[0]

    @property
    def _away(self) -> int:
        """How many days each step takes a moment away from the day that is closed."""
        return 1 if self.rule is OnExcluded.NEXT else -1


def _reach(number: int) -> int:
    """Return how far *number* moments are followed; few of them are soon gone through."""
    return 10 * COUNTED if number <= FEW else COUNTED
