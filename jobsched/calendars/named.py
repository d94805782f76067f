"""One calendar of calendars.yaml: the union of its parts, remembered day by day."""

from dataclasses import dataclass, field

from jobsched.calendars.appointments import Appointments
from jobsched.calendars.base import Window, merged
from jobsched.calendars.parts import Part

_MOST_REMEMBERED = 20_000  # days; more than 50 years


@dataclass(frozen=True, slots=True)
class NamedCalendar:
    """What any of *parts* closes is closed; the first that does says why."""

    name: str
    parts: tuple[Part, ...]
    _days: dict[int, tuple[Window, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _zones: "dict[str, NamedCalendar]" = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __reduce__(self) -> tuple[object, ...]:
        return NamedCalendar, (self.name, self.parts)

    def closed(self, day: int) -> tuple[Window, ...]:
        """Return the closed windows of *day*, in order, none touching the next; () if open."""
        try:
            return self._days[day]
        except KeyError:
            return self._look_up(day)

    def reason(self, day: int, second: int) -> str:
        """Return why *second* of *day* is closed, in a few words such as ``Christmas Day``."""
        for part in self.parts:
            if any(start <= second < end for start, end in part.closed(day)):
                return part.reason(day, second)
        return ""

    def in_zone(self, zone: str) -> "NamedCalendar":
        """Return the same calendar by the clocks of *zone*, where it knows instants."""
        if not any(isinstance(part, Appointments) for part in self.parts):
            return self
        if zone not in self._zones:
            parts = (
                part.in_zone(zone) if isinstance(part, Appointments) else part
                for part in self.parts
            )
            self._zones[zone] = NamedCalendar(self.name, tuple(parts))
        return self._zones[zone]

    def _look_up(self, day: int) -> tuple[Window, ...]:
        if len(self._days) >= _MOST_REMEMBERED:
            self._days.clear()
        found = self._days[day] = merged(*(part.closed(day) for part in self.parts))
        return found
