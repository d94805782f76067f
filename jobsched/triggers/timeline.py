"""The offsets of a time zone over time, as segments between two clock changes."""

from bisect import bisect_right
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jobsched.triggers.zones import zone

DAY = 86_400
# Segments are looked up in chunks of 388 days, in which samples three days apart tell where the
# offset changes: no zone has ever changed it twice within four days. A chunk reads one sample
# beyond both ends, so that no segment is cut near a change.
_CHUNK_BITS, _SAMPLE = 25, 1 << 18
_CHUNK = 1 << _CHUNK_BITS
# From 2100 on zones follow rules alone, which repeat every 400 years, as dates and weekdays do.
RULES_BEGIN = 4_102_444_800
CYCLE = 146_097 * DAY
_REPEATS = RULES_BEGIN + CYCLE
_CLOCKS_BEGIN = -5_364_662_400  # 1800; no zone knows of a change before
_NEVER = -1 << 62  # earlier than any date
JOBS_BEGIN = 1_767_225_600  # 2026
_FAR = 1 << 62  # later than any segment


class Segment(NamedTuple):
    """Seconds since 1970 UTC from *start* on and before *end* that have one *offset*.

    *before* is the offset until *start*. It equals *offset* where the table was cut, which it
    never is within three days after a change or before one.
    """

    start: int
    end: int
    offset: int
    before: int


class Timeline:
    """The segments of one zone, found when they are asked for and then remembered."""

    __slots__ = ("_chunks", "_gaps", "_zone", "name")

    def __init__(self, area: ZoneInfo) -> None:
        self.name = area.key
        self._zone = area
        self._chunks: dict[int, list[Segment]] = {}
        self._gaps: frozenset[tuple[int, int]] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return timeline, (self.name,)

    def segment(self, second: int) -> Segment:
        """Return the segment that holds *second*."""
        if second >= _REPEATS:
            return self._repeated(second)
        number = second >> _CHUNK_BITS
        chunk = self._chunks.get(number)
        if chunk is None:
            if second < _CLOCKS_BEGIN:
                offset = self._offset(_CLOCKS_BEGIN)
                return Segment(_NEVER, _CLOCKS_BEGIN, offset, offset)
            chunk = self._chunks[number] = self._read(number << _CHUNK_BITS)
        if len(chunk) == 1:
            return chunk[0]
        return chunk[bisect_right(chunk, (second, _FAR)) - 1]

    def gaps(self) -> frozenset[tuple[int, int]]:
        """Return at which local times of day gaps begin, and their lengths, in seconds.

        Those of all times since 2026: no job of this program is older.
        """
        if self._gaps is None:
            second, found = JOBS_BEGIN, set()
            while second < RULES_BEGIN + 366 * DAY:
                start, second, offset, before = self.segment(second)
                if before < offset:
                    found.add(((start + before) % DAY, offset - before))
            self._gaps = frozenset(found)
        return self._gaps

    def _repeated(self, second: int) -> Segment:
        """Return the segment of so late a time from that of a whole number of cycles before."""
        later = ((second - _REPEATS) // CYCLE + 1) * CYCLE
        start, end, offset, before = self.segment(second - later)
        return Segment(start + later, end + later, offset, before)

    def _read(self, begin: int) -> list[Segment]:
        """Return the segments that touch the chunk that begins at *begin*."""
        start, end = begin - _SAMPLE, begin + _CHUNK + _SAMPLE
        offset = before = self._offset(start)
        segments = []
        for sample in range(start + _SAMPLE, end + 1, _SAMPLE):
            if self._offset(sample) != offset:
                change = self._change(sample - _SAMPLE, sample)
                segments.append(Segment(start, change, offset, before))
                start, before, offset = change, offset, self._offset(change)
        segments.append(Segment(start, end, offset, before))
        return [each for each in segments if each.end > begin and each.start < begin + _CHUNK]

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
        offset = datetime.fromtimestamp(second, self._zone).utcoffset()
        assert offset is not None  # noqa: S101 - a ZoneInfo has one for every instant
        return offset.days * DAY + offset.seconds


@lru_cache(maxsize=1024)
def timeline(name: str) -> Timeline:
    """Return the one timeline of the zone *name*. Raises: ValueError if there is none."""
    area = zone(name)
    if area is None:
        raise ValueError(f"There is no time zone {name}.")
    return Timeline(area)
