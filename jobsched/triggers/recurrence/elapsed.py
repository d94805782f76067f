"""Every so many minutes or hours, as far as the clock of a zone shows chosen hours and minutes.

The steps are elapsed time, what is chosen among them follows the local clock literally. While
the offset of a zone stays, both repeat after a *turn* of whole days; its moments are a table.
"""

from bisect import bisect_left
from math import gcd

from jobsched.clock import SECOND
from jobsched.triggers.recurrence.pattern import Frequency, Pattern
from jobsched.triggers.series import Series
from jobsched.triggers.timeline import Timeline

DAY, HOUR, MINUTE = 86_400, 3_600, 60
# With the longest turn of 1000 days and two offsets a year, no match in 40 years is none at all.
_PATIENCE = 40 * 366 * DAY


class Elapsed(Series):
    """The moments of *pattern* from the second *origin* on, forwards and backwards.

    With frequency minute each step is kept if its local hour and minute are chosen. With
    frequency hour every step is an hour, begun when the hour of *origin* began, in which the
    chosen minutes come, else that of *origin*; it is kept if its local hour is chosen.
    """

    __slots__ = ("_begin", "_step", "_tables", "_turn", "origin", "pattern", "timeline")

    def __init__(self, timeline: Timeline, pattern: Pattern, origin: int) -> None:
        self.timeline = timeline
        self.pattern = pattern
        self.origin = origin
        hourly = pattern.frequency is Frequency.HOUR
        local = origin + timeline.segment(origin).offset
        self._begin = origin - local % HOUR if hourly else origin
        self._step = pattern.step * (HOUR if hourly else MINUTE)
        self._turn = DAY // gcd(self._step, DAY) * self._step
        self._tables: dict[int, list[int]] = {}  # seconds within a turn, by offset

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*."""
        second = us // SECOND + 1
        last = second + _PATIENCE
        while second < last:
            segment = self.timeline.segment(second)
            table = self._table(segment.offset)
            if table:
                found = self._at_or_after(table, second)
                if found < segment.end:
                    return found * SECOND
            second = segment.end
        return None

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are, segment by segment."""
        second, stop = -(-first_us // SECOND), -(-end_us // SECOND)
        total = 0
        while second < stop:
            segment = self.timeline.segment(second)
            table, end = self._table(segment.offset), min(stop, segment.end)
            total += self._rank(table, end) - self._rank(table, second)
            second = end
        return total

    def _at_or_after(self, table: list[int], second: int) -> int:
        turn, place = divmod(second - self._begin, self._turn)
        index = bisect_left(table, place)
        if index == len(table):
            turn, index = turn + 1, 0
        return self._begin + turn * self._turn + table[index]

    def _rank(self, table: list[int], second: int) -> int:
        turn, place = divmod(second - self._begin, self._turn)
        return turn * len(table) + bisect_left(table, place)

    def _table(self, offset: int) -> list[int]:
        """Return the moments of one turn under *offset*, in seconds from its begin, in order."""
        try:
            return self._tables[offset]
        except KeyError:
            hourly = self.pattern.frequency is Frequency.HOUR
            moments = self._hourly(offset) if hourly else self._minutely(offset)
            table = self._tables[offset] = sorted(moments)
            return table

    def _minutely(self, offset: int) -> list[int]:
        minutes, hours = self.pattern.schedule.minutes, self.pattern.schedule.hours
        found = []
        for step in range(0, self._turn, self._step):
            hour, minute = divmod((self._begin + offset + step) % DAY // MINUTE, 60)
            if (not hours or hour in hours) and (not minutes or minute in minutes):
                found.append(step)
        return found

    def _hourly(self, offset: int) -> list[int]:
        hours = self.pattern.schedule.hours
        within = (self.origin - self._begin) // MINUTE
        minutes = self.pattern.schedule.minutes or (within,)
        second = self.origin % MINUTE
        found = []
        for step in range(0, self._turn, self._step):
            local = (self._begin + offset + step) % DAY
            for minute in minutes:
                place = (minute * MINUTE + second - local) % HOUR
                if not hours or (local + place) % DAY // HOUR in hours:
                    found.append(step + place)
        return found
