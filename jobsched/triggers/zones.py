"""Time zones: names to zones, local times to instants, also where a clock change bends them."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from jobsched.clock import SECOND, from_us, to_us

LONGEST_NAME = 64
# Beside the zones of IANA a system has two copies of them all, one of which counts leap seconds,
# and its own two.
_NO_NAMES = ("posix/", "right/", "localtime", "posixrules")


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA *name*, None if there is none."""
    if not name or len(name) > LONGEST_NAME or name.startswith(_NO_NAMES):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder of zones such as Europe
        return None


def instant(local: datetime, area: ZoneInfo) -> int:
    """Return the instant of a naive *local* time in *area*, in microseconds UTC.

    A time that the zone skips becomes the first instant after the gap, one that it has twice
    the first of both. Raises: OverflowError near the ends of the calendar.
    """
    early = to_us(local.replace(tzinfo=area, fold=0).astimezone(UTC))
    if from_us(early).astimezone(area).replace(tzinfo=None, fold=0) == local.replace(fold=0):
        return early
    return _end_of_gap(to_us(local.replace(tzinfo=area, fold=1).astimezone(UTC)), early, area)


def is_in_gap(local: datetime, area: ZoneInfo) -> bool:
    """Return whether the clocks of *area* leap over the naive *local* time."""
    shown = from_us(instant(local, area)).astimezone(area)
    return shown.replace(tzinfo=None, fold=0) != local.replace(fold=0)


def shown(us: int, name: str) -> str:
    """Return an instant as the clocks of the zone *name* show it, ``2026-05-01 09:00``.

    Seconds only when there are any.
    """
    local = from_us(us).astimezone(ZoneInfo(name)).replace(tzinfo=None)
    return local.isoformat(" ").removesuffix(":00")


def _end_of_gap(before: int, after: int, area: ZoneInfo) -> int:
    """Return the instant between the two at which the offset of *area* changes."""
    low, high = before // SECOND, -(-after // SECOND)
    offset = from_us(low * SECOND).astimezone(area).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if from_us(middle * SECOND).astimezone(area).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high * SECOND
