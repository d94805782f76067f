"""What is said about times that a clock change moves, and about months without a day.

Local times are seconds since 1970 as the clocks on the wall count them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobsched.triggers.timeline import DAY, Segment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def date_of(day: int) -> str:
    """Return ``2026-03-29`` for a day as ``date.toordinal`` counts."""
    return _at((day - _EPOCH_DAY) * DAY).date().isoformat()


def moved(zone: str, segment: Segment, times: Sequence[int], total: int) -> str:
    """Return that *total* times of one day, *times* first, happen when their gap ends.

    *segment* is what follows the gap.
    """
    day = times[0] // DAY
    once = "runs at" if total == 1 else "runs once, at"
    end = _shown(segment.start + segment.offset, day)
    return f"{_missing(zone, segment, times, total)}: {once} {end}"


def left_out(zone: str, segment: Segment, times: Sequence[int], total: int) -> str:
    """Return that *total* times of one day, *times* first, do not happen."""
    return f"{_missing(zone, segment, times, total)}: left out"


def date_left_out(zone: str, segment: Segment, day: int) -> str:
    """Return that a whole day, as ``date.toordinal`` counts, does not exist."""
    change = _change(segment, day - _EPOCH_DAY)
    return f"{date_of(day)} does not exist in {zone} ({change}): left out"


def repeated(zone: str, segment: Segment, local: int, which: str) -> str:
    """Return that *local* comes twice, at the start of *segment* again; *which* ends the words."""
    day = local // DAY
    twice = f"{_shown(local, day)} comes twice on {_at(local).date()} in {zone}"
    return f"{twice} ({_change(segment, day)}): {which}"


def too_short(number: int, lacks: Sequence[str]) -> tuple[str, str]:
    """Return a month (its number: year * 12 + month - 1) as ``2026-02``, and what it *lacks*."""
    year, month = divmod(number, 12)
    return f"{year:04}-{month + 1:02}", f"{_MONTHS[month]} {year} has no {' and no '.join(lacks)}"


def _missing(zone: str, segment: Segment, times: Sequence[int], total: int) -> str:
    day = times[0] // DAY
    verb = "does" if total == 1 else "do"
    named = [_shown(time, day) for time in times]
    if total > len(times):
        named.append(f"{total - len(times)} more")
    text = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    change = _change(segment, day)
    return f"{text} {verb} not exist on {_at(times[0]).date()} in {zone} ({change})"


def _change(segment: Segment, day: int) -> str:
    start, _, offset, before = segment
    return f"clocks go from {_shown(start + before, day)} to {_shown(start + offset, day)}"


def _shown(local: int, day: int) -> str:
    """Return the time, seconds only when there are any, with its date unless it is *day*."""
    moment = _at(local)
    text = moment.strftime("%H:%M:%S" if local % 60 else "%H:%M")
    return text if local // DAY == day else f"{moment.date()} {text}"


def _at(local: int) -> datetime:
    return _EPOCH + timedelta(seconds=local)
