"""What a calendar is to a trigger: a name, and what of each day is closed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

Window = tuple[int, int]  # seconds since midnight, the second one excluded; a day is (0, 86400)


class Calendar(Protocol):
    """Days are counted as ``date.toordinal`` does."""

    @property
    def name(self) -> str:
        """What jobs call it."""

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the closed windows of *day*, in order, none touching the next; () if open."""

    def reason(self, day: int) -> str:
        """Return why *day* is closed, in a few words such as ``Christmas Day``."""


Calendars = Mapping[str, Calendar]
NO_CALENDARS: Calendars = MappingProxyType({})
