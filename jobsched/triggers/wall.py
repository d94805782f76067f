"""Local times made into instants: what clock changes do to a rule of days and times of day.

Between two changes of its zone's clock a local time is an instant plus an offset. All that is
special happens where two such segments meet: a *gap* that local time leaps over, or a *fold* in
which it comes twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from jobsched.clock import SECOND
from jobsched.model import Dst
from jobsched.triggers.days import Days
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.series import Omission, Series
from jobsched.triggers.timeline import Segment, Timeline

DAY = 86_400
_EPOCH_DAY = 719_163  # 1 January 1970, as date.toordinal counts
_LEAP = 2 * DAY  # more than any clock is ever moved


@dataclass(frozen=True, slots=True)
class Wall(Series):
    """The *times* of the *days*, by the clocks of the zone *timeline*.

    A *fixed* rule names times that shall run once on their day: *dst* says what happens to them
    in a gap and a fold. Any other rule follows the clock literally: an instant is a moment when
    its local time is one.
    """

    timeline: Timeline
    days: Days
    times: DayTimes
    fixed: bool = True
    dst: Dst = Dst.ONCE

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*."""
        second = us // SECOND + 1
        while True:
            segment = self.timeline.segment(second)
            if second == segment.start and self._begins_with_moment(segment):
                return second * SECOND
            start, end, offset, before = segment
            local = second + offset
            if before > offset and self.fixed and self.dst is not Dst.BOTH:
                local = max(local, start + before)
            found = self._local_at_or_after(local)
            if found is None:
                return None
            if found - offset < end:
                return (found - offset) * SECOND
            second = max(end, found - offset - _LEAP)

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are, segment by segment."""
        second, stop = -(-first_us // SECOND), -(-end_us // SECOND)
        total = 0
        while second < stop:
            segment = self.timeline.segment(second)
            total += self._count_within(segment, second, min(stop, segment.end))
            second = segment.end
        return total

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield the times that fall into gaps and do not happen at another instant."""
        second, stop = -(-first_us // SECOND), -(-end_us // SECOND)
        while second < stop:
            segment = self.timeline.segment(second)
            if second == segment.start and segment.before < segment.offset:
                yield from self._omitted(segment)
            second = segment.end

    def note(self, us: int) -> str | None:
        """Return what a clock change does to the moment *us*, None if nothing."""
        raise NotImplementedError

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

    def _local_count(self, first: int, end: int) -> int:
        """Return how many local times of the rule there are in [first, end)."""
        return self._rank(end, first) - self._rank(first, first)

    def _rank(self, local: int, origin: int) -> int:
        """Return how many local times there are before *local*, from the day of *origin* on."""
        day, second = divmod(local, DAY)
        day += _EPOCH_DAY
        whole = self.days.count(origin // DAY + _EPOCH_DAY, day) * self.times.total
        return whole + (self.times.count_before(second) if self.days.at_or_after(day) == day else 0)

    def _count_within(self, segment: Segment, first: int, end: int) -> int:
        start, _, offset, before = segment
        begin = first + offset
        extra = 0
        if before > offset and self.fixed and self.dst is not Dst.BOTH:
            begin = max(begin, start + before)
        elif first == start and self._begins_with_moment(segment):
            extra = int(self._local_at_or_after(begin) != begin)
        return extra + max(0, self._local_count(begin, end + offset) if begin < end + offset else 0)

    def _begins_with_moment(self, segment: Segment) -> bool:
        """Return whether times in the gap before *segment* happen at its start instead."""
        start, _, offset, before = segment
        if before >= offset or not self.fixed or self.dst is Dst.SKIP:
            return False
        return self._in_gap(start + before, start + offset) is not None

    def _in_gap(self, first: int, end: int) -> int | None:
        """Return the first local time of the rule in [first, end) on a day that exists.

        A day that lies wholly in the gap is left out by the zone.
        """
        found = self._local_at_or_after(first)
        while found is not None and found < end:
            midnight = found - found % DAY
            if midnight < first or midnight + DAY > end:
                return found
            found = self._local_at_or_after(midnight + DAY)
        return None

    def _omitted(self, segment: Segment) -> Iterator[Omission]:
        raise NotImplementedError
