"""A second opinion on local times: every minute of some years, from itertools import pairwise
from zoneinfo alone.

Knows nothing of jobsched: no timeline, no counting. A rule is a table with one byte for each
local minute; what happens is one byte for each minute of UTC.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = 1440  # minutes
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Stretch:
    """UTC minutes from *start* on and before *end* with one *offset* in minutes."""

    start: int
    end: int
    offset: int


class WallClock:
    """The clocks of *zone* from 1 January of the year *first* to the end of *last*."""

    def __init__(self, zone: str, first: int, last: int) -> None:
        self.zone = ZoneInfo(zone)
        self.start, self.end = _minute(first), _minute(last + 1)
        self.stretches = self._stretches()
        self._origin = (self.start // DAY - 2) * DAY  # the local minute that tables begin with

    def happening(
        self, days: Callable[[date], bool], times: Iterable[int], *, fixed: bool, dst: str
    ) -> bytes:
        """Return a byte for each UTC minute: 1 where a rule has a moment.

        The rule names the minutes of day *times* on the dates that *days* picks.
        """
        named = self._table(days, tuple(times))
        moments = bytearray()
        for place, now in enumerate(self.stretches):
            local = slice(*(minute + now.offset - self._origin for minute in (now.start, now.end)))
            part = named[local]
            before = self.stretches[place - 1] if place else now
            if before.offset > now.offset and fixed and dst != "both":
                repeated = min(before.offset - now.offset, len(part))
                part[:repeated] = bytes(repeated)
            if before.offset < now.offset and fixed and dst != "skip":
                gap = range(now.start + before.offset, now.start + now.offset)
                if any(named[minute - self._origin] for minute in self._existing(gap)):
                    part[0] = 1
            moments += part
        return bytes(moments)

    def dates(self) -> list[date]:
        """Return every date that the clocks show, in order."""
        days: dict[int, None] = {}
        for now in self.stretches:
            first, end = now.start + now.offset, now.end + now.offset
            days.update(dict.fromkeys(range(first // DAY, (end - 1) // DAY + 1)))
        return [date.fromordinal(day + EPOCH) for day in sorted(days)]

    def gap_before(self, minute: int) -> range:
        """Return the local minutes that are leapt over when *minute* begins."""
        for before, now in pairwise(self.stretches):
            if now.start == minute:
                return range(minute + before.offset, minute + now.offset)
        return range(0)

    def _existing(self, gap: range) -> Iterable[int]:
        """Yield the minutes of *gap* but those of dates that lie in it as a whole."""
        for minute in gap:
            midnight = minute - minute % DAY
            if midnight not in gap or midnight + DAY - 1 not in gap:
                yield minute

    def _stretches(self) -> list[Stretch]:
        """Return the stretches by asking at each hour, and at each minute where it differs."""
        found: list[Stretch] = []
        start, offset = self.start, self._offset(self.start)
        for hour in range(self.start, self.end, 60):
            if self._offset(hour) != offset:
                change = next(m for m in range(hour - 59, hour + 1) if self._offset(m) != offset)
                found.append(Stretch(start, change, offset))
                start, offset = change, self._offset(hour)
        found.append(Stretch(start, self.end, offset))
        return found

    def _offset(self, minute: int) -> int:
        offset = datetime.fromtimestamp(minute * 60, UTC).astimezone(self.zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds()) // 60

    def _table(self, days: Callable[[date], bool], times: tuple[int, ...]) -> bytearray:
        """Return a byte for each local minute: 1 where the rule names it."""
        day = bytearray(DAY)
        for time in times:
            day[time] = 1
        empty, table = bytes(DAY), bytearray()
        for number in range(self._origin // DAY, self.end // DAY + 2):
            table += day if days(date.fromordinal(number + EPOCH)) else empty
        return table


def _minute(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) // 60
