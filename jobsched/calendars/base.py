"""What a calendar is to a trigger: a name, and what of each day is closed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

Window = tuple[int, int]  # seconds since midnight, the second one excluded; a day is (0, 86400)
DAY = 86_400
WHOLE_DAY: tuple[Window, ...] = ((0, DAY),)


class Calendar(Protocol):
    """Days are counted as ``date.toordinal`` does."""

    @property
    def name(self) -> str:
        """What jobs call it."""

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the closed windows of *day*, in order, none touching the next; () if open."""

    def reason(self, day: int, second: int) -> str:
        """Return why *second* of *day* is closed, in a few words such as ``Christmas Day``."""


Calendars = Mapping[str, Calendar]
NO_CALENDARS: Calendars = MappingProxyType({})


def merged(*rows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return the union of *rows* of windows, in order, none touching the next."""
    said = [row for row in rows if row]
    if len(said) < 2:
        return said[0] if said else ()
    result: list[Window] = []
    for start, end in sorted(window for row in said for window in row):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)
