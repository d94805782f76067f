"""The offsets of a time zone over time, as segments between two clock changes."""

from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jobsched.triggers.zones import zone

# Looked up in chunks of 388 days, in which samples 18 hours apart tell where the offset changes:
# no zone has changed it and back again within such a time since clocks are set by rules.
_CHUNK_BITS, _SAMPLE = 25, 1 << 16
_CHUNK = 1 << _CHUNK_BITS
_CYCLE = 146_097 * 86_400  # after 400 years dates, weekdays and the rules of zones repeat
_RULES_ONLY = 14_770_000_000  # in 2438; nothing but rules is known of so late a time
_EARLIEST = -62_135_000_000  # in the year 1


class Segment(NamedTuple):
    """Seconds since 1970 UTC from *start* on and before *end* that have one *offset*.

    *before* is the offset until *start*; equal to *offset* where only the table was cut.
    """

    start: int
    end: int
    offset: int
    before: int


class Timeline:
    """The segments of one zone, found when they are asked for and then remembered."""

    __slots__ = ("_chunks", "_zone", "name")

    def __init__(self, area: ZoneInfo) -> None:
        self.name = area.key
        self._zone = area
        self._chunks: dict[int, list[Segment]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return timeline, (self.name,)

    def segment(self, second: int) -> Segment:
        """Return the segment that holds *second*."""
        number = second >> _CHUNK_BITS
        try:
            chunk = self._chunks[number]
        except KeyError:
            chunk = self._chunks[number] = self._read(number << _CHUNK_BITS)
        if len(chunk) == 1:
            return chunk[0]
        return chunk[bisect_right(chunk, (second, second + _CHUNK)) - 1]

    def _read(self, start: int) -> list[Segment]:
        """Return the segments of the chunk that begins at *start*."""
        cycles = max(0, -(-(start - _RULES_ONLY) // _CYCLE)) * _CYCLE
        begin, end = start - cycles, start - cycles + _CHUNK
        segments: list[Segment] = []
        offset = self._offset(begin)
        edge, before = begin, self._offset(begin - 1)
        for sample in range(begin + _SAMPLE, end + 1, _SAMPLE):
            if self._offset(sample - 1) != offset:
                change = self._change(max(edge, sample - _SAMPLE), sample - 1)
                segments.append(Segment(edge + cycles, change + cycles, offset, before))
                edge, before, offset = change, offset, self._offset(change)
        segments.append(Segment(edge + cycles, end + cycles, offset, before))
        return segments

    def _change(self, low: int, high: int) -> int:
        """Return the first second after *low* that has another offset than it; *high* has."""
        offset = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, second: int) -> int:
        moment = datetime.fromtimestamp(max(second, _EARLIEST), UTC).astimezone(self._zone)
        offset = moment.utcoffset()
        assert offset is not None  # noqa: S101 - a ZoneInfo has one for every instant
        return offset.days * 86_400 + offset.seconds


@lru_cache(maxsize=256)
def timeline(name: str) -> Timeline:
    """Return the one timeline of the zone *name*, which must exist."""
    area = zone(name)
    if area is None:
        raise ValueError(f"There is no time zone {name}.")
    return Timeline(area)
