"""Local times made into instants: what clock changes do to a rule of days and times of day.

Between two changes of its zone's clock a local time is an instant plus an offset. All that is
special happens where two such segments meet: a *gap* that local time leaps over, or a *fold* in
which it comes twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from jobsched.clock import SECOND, to_us
from jobsched.model import Dst
from jobsched.triggers import clockwords
from jobsched.triggers.days import LAST_DAY, Days
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.fields import LAST_US
from jobsched.triggers.series import EmptyMonth, Omission, Series
from jobsched.triggers.timeline import CYCLE, DAY, JOBS_BEGIN, RULES_BEGIN, Segment, Timeline

_EPOCH_DAY = 719_163  # 1 January 1970, as date.toordinal counts
_FIRST = to_us(datetime(1, 1, 3, tzinfo=UTC)) // SECOND  # a date in every zone
_LAST = LAST_US // SECOND
_LEAP = 2 * DAY  # more than any clock is ever moved
# Looks no further for a moment of a rule whose times all fall into gaps. Each of its days takes
# a few turns, and after some decades weekdays, dates and clock changes meet as before.
_MOST_TURNS = 300
_NAMED = 3  # so many times of a gap are told one by one


class Hole(NamedTuple):
    """What a gap takes from one *day*: its seconds from *low* on and before *high*."""

    day: int
    low: int
    high: int

    @property
    def whole(self) -> bool:
        """Whether the zone leaves the day out."""
        return self.high - self.low == DAY


@dataclass(frozen=True, slots=True)
class Wall(Series):
    """The *times* of the *days*, by the clocks of the zone *timeline*.

    A *fixed* rule names times that shall run once on their day: *dst* says what happens to them
    in a gap and a fold. Any other rule follows the clock literally: an instant is a moment when
    its local time is one. (spec/preview.md, "Rules that the dialects leave open")
    """

    timeline: Timeline
    days: Days
    times: DayTimes
    fixed: bool = True
    dst: Dst = Dst.ONCE

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*."""
        second = max(us // SECOND + 1, _FIRST)
        for _ in range(_MOST_TURNS):
            segment = self.timeline.segment(second)
            if second == segment.start and self._catches_up(segment):
                return second * SECOND
            found = self._local_at_or_after(self._reached(segment, second))
            if found is None:
                return None
            moment = found - segment.offset
            if moment < segment.end:
                return moment * SECOND if moment <= _LAST else None
            # A fold so near may bring back times that have just gone by.
            near = segment.end - second < _LEAP
            second = segment.end if near else max(segment.end, moment - _LEAP)
        return None

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are; what lies millennia ahead by the cycle of the calendar."""
        second, stop = max(-(-first_us // SECOND), _FIRST), min(-(-end_us // SECOND), _LAST + 1)
        cycles = (stop - max(second, RULES_BEGIN)) // CYCLE if self.days.cyclic else 0
        if cycles <= 1:
            return self._count(second, stop)
        rest = self._count(second, stop - cycles * CYCLE)
        return rest + cycles * self._count(stop - CYCLE, stop)

    def most_a_day(self, us: int) -> int:
        """Return how many times a day has."""
        del us
        return self.times.total

    @property
    def may_omit(self) -> bool:
        """Whether times can be left out, from 2026 on: whether they lie where gaps do."""
        return any(
            self._drops(hole)
            for start, length in self.timeline.gaps()
            for hole in _holes(start, start + length)
        )

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield the days whose times fall into gaps and do not happen at another instant.

        Under a literal rule only those that lose all their times: it names no single ones.
        """
        if first_us >= JOBS_BEGIN * SECOND and not self.may_omit:
            return  # however far ahead the end is
        for segment in self._gaps(first_us, end_us):
            holes = [hole for hole in self._hit(segment) if self._drops(hole)]
            # Beside the end of the gap where that is a moment; several days not at one instant.
            at_us = segment.start * SECOND - len(holes) + 1
            at_us -= self.next_after(segment.start * SECOND - 1) == segment.start * SECOND
            for place, hole in enumerate(holes, at_us):
                if first_us <= place < end_us:
                    yield self._omission(place, segment, hole)

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the months that lack all the days that the rule names."""
        first, last = self._day(first_us), self._day(end_us - 1)
        for number, lacks in self.days.short_months(first, last + 1) if first <= last else ():
            yield EmptyMonth(*clockwords.too_short(number, lacks))

    def note(self, us: int) -> str | None:
        """Return what a clock change does to the moment *us*, None if nothing.

        None, too, for an instant that is no moment.
        """
        second, rest = divmod(us, SECOND)
        segment = self.timeline.segment(second)
        if rest or not _FIRST <= second <= _LAST:
            return None
        if second == segment.start and self._catches_up(segment):
            return self._moved(segment)
        local = second + segment.offset
        if not self._is_time(local):
            return None
        if local < segment.start + segment.before:
            second_time = self._repeated(segment, local, "this is the second time")
            return None if self._first_only else second_time
        following = self.timeline.segment(segment.end)
        if following.start == segment.end and local >= following.start + following.offset:
            first = "runs the first time only" if self._first_only else "this is the first time"
            return self._repeated(following, local, first)
        return None

    def _count(self, second: int, stop: int) -> int:
        """Return how many local times go by, corrected at each change of the clock."""
        if second >= stop or not self.days.count(*self._days_around(second, stop)):
            return 0
        segment = self.timeline.segment(second)
        begin = self._reached(segment, second)
        total = self._extra(segment) if second == segment.start else 0
        while (change := segment.end) < stop:
            segment = self.timeline.segment(change)
            if change == segment.start and segment.before != segment.offset:
                total += self._extra(segment) + self._repeated_or_lost(segment)
        return total + self._local_count(begin, self._reached(segment, stop))

    @property
    def _first_only(self) -> bool:
        """Whether times that come twice happen only once."""
        return self.fixed and self.dst is not Dst.BOTH

    def _reached(self, segment: Segment, second: int) -> int:
        """Return the local time at *second*, not earlier than any that has had its turn."""
        start, _, offset, before = segment
        if before > offset and self._first_only:
            return max(second + offset, start + before)
        return second + offset

    def _local_at_or_after(self, local: int) -> int | None:
        """Return the first local time of the rule at *local* or later, in seconds."""
        day, second = divmod(local, DAY)
        day += _EPOCH_DAY
        found = self.days.at_or_after(day)
        if found == day:
            time = self.times.at_or_after(second)
            if time >= 0:
                return local - second + time
            found = self.days.at_or_after(day + 1)
        return None if found is None else (found - _EPOCH_DAY) * DAY + self.times.first

    def _is_time(self, local: int) -> bool:
        return self._local_at_or_after(local) == local

    def _local_count(self, first: int, end: int) -> int:
        """Return how many local times there are in [first, end); less than 0 the other way."""
        if end < first:
            return -self._local_count(end, first)
        low, high = first // DAY + _EPOCH_DAY, end // DAY + _EPOCH_DAY
        whole = self.days.count(low, high) * self.times.total
        return whole + self._on_day(high, end % DAY) - self._on_day(low, first % DAY)

    def _on_day(self, day: int, second: int) -> int:
        """Return how many local times there are on *day* before *second*."""
        count = self.times.count_before(second)
        return count if count and self.days.at_or_after(day) == day else 0

    def _extra(self, segment: Segment) -> int:
        """Return 1 if *segment* begins with a moment that its local time alone is not."""
        return int(self._catches_up(segment) and not self._is_time(segment.start + segment.offset))

    def _repeated_or_lost(self, segment: Segment) -> int:
        """Return how many more times happen than local time shows where *segment* begins."""
        start, _, offset, before = segment
        if before > offset and self._first_only:
            return 0
        return self._local_count(start + offset, start + before)

    def _catches_up(self, segment: Segment) -> bool:
        """Return whether times in the gap before *segment* happen at its start instead."""
        if segment.before >= segment.offset or not self.fixed or self.dst is Dst.SKIP:
            return False
        return any(not hole.whole for hole in self._hit(segment))

    def _hit(self, segment: Segment) -> list[Hole]:
        """Return where the gap before *segment* holds times of the rule, day by day."""
        holes = _holes(segment.start + segment.before, segment.start + segment.offset)
        return [
            hole
            for hole in holes
            if self._inside(hole) and self.days.at_or_after(hole.day) == hole.day
        ]

    def _inside(self, hole: Hole) -> int:
        """Return how many times of day lie in *hole*."""
        return self.times.count_before(hole.high) - self.times.count_before(hole.low)

    def _drops(self, hole: Hole) -> bool:
        """Return whether times in *hole* are left out on such a day, and this is to be told."""
        inside = self._inside(hole)
        if hole.whole or not inside or (self.fixed and self.dst is not Dst.SKIP):
            return hole.whole
        return self.fixed or inside == self.times.total

    def _gaps(self, first_us: int, end_us: int) -> Iterator[Segment]:
        """Yield what follows each gap that ends from *first_us* on or just after *end_us*."""
        second, stop = max(first_us // SECOND, _FIRST), min(end_us // SECOND + 1, _LAST)
        while second <= stop:
            segment = self.timeline.segment(second)
            if second == segment.start and segment.before < segment.offset:
                yield segment
            second = segment.end

    def _days_around(self, second: int, stop: int) -> tuple[int, int]:
        """Return days, the second one excluded, that hold all the local times of a time."""
        return max(1, second // DAY + _EPOCH_DAY - 2), min(stop // DAY + _EPOCH_DAY + 3, LAST_DAY)

    def _day(self, us: int) -> int:
        """Return the local day of an instant, one of the calendar."""
        second = min(max(us // SECOND, _FIRST), _LAST)
        return (second + self.timeline.segment(second).offset) // DAY + _EPOCH_DAY

    def _moved(self, segment: Segment) -> str:
        holes = (hole for hole in self._hit(segment) if not hole.whole)
        return "; ".join(
            clockwords.moved(self.timeline.name, segment, self._few(hole), self._inside(hole))
            for hole in holes
        )

    def _repeated(self, segment: Segment, local: int, which: str) -> str:
        return clockwords.repeated(self.timeline.name, segment, local, which)

    def _omission(self, at_us: int, segment: Segment, hole: Hole) -> Omission:
        zone, total = self.timeline.name, self._inside(hole)
        if hole.whole:
            note = clockwords.date_left_out(zone, segment, hole.day)
        else:
            note = clockwords.left_out(zone, segment, self._few(hole), total)
        return Omission(at_us, at_us, total, clockwords.date_of(hole.day), "gap", note)

    def _few(self, hole: Hole) -> list[int]:
        """Return the first local times in *hole*."""
        midnight, times = (hole.day - _EPOCH_DAY) * DAY, list[int]()
        time = self.times.at_or_after(hole.low)
        while 0 <= time < hole.high and len(times) < _NAMED:
            times.append(midnight + time)
            time = self.times.at_or_after(time + 1)
        return times


def _holes(first: int, end: int) -> Iterator[Hole]:
    """Yield what a gap of local times [first, end) takes from each of its days."""
    while first < end:
        midnight = first - first % DAY
        stop = min(end, midnight + DAY)
        yield Hole(midnight // DAY + _EPOCH_DAY, first - midnight, stop - midnight)
        first = stop
