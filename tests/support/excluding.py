"""Series of given moments, calendars, and the two put together, for tests of exclusions."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from jobsched.calendars import Calendar
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Part, Weekly
from jobsched.clock import from_us
from jobsched.model import OnExcluded
from jobsched.triggers.excluding import Excluding
from jobsched.triggers.series import Series
from jobsched.triggers.timeline import timeline
from jobsched.triggers.zones import instant

DAY = 86_400
HOUR = 3600
# Days at whose midnight, or in whose night, the clock is changed; and a day that does not exist.
PLACES = {
    "UTC": date(2026, 3, 29),
    "Europe/Berlin": date(2026, 3, 29),
    "Asia/Beirut": date(2026, 3, 29),
    "America/St_Johns": date(2010, 11, 7),
    "America/Havana": date(2026, 11, 1),
    "Pacific/Apia": date(2011, 12, 30),
}


@dataclass(frozen=True, slots=True)
class Listed(Series):
    """The *times* given, in order."""

    times: tuple[int, ...]

    def next_after(self, us: int) -> int | None:
        place = bisect_right(self.times, us)
        return self.times[place] if place < len(self.times) else None

    def count(self, first_us: int, end_us: int) -> int:
        return max(0, bisect_left(self.times, end_us) - bisect_left(self.times, first_us))


def weekly(*days: int, start: int = 0, end: int = DAY) -> Weekly:
    return Weekly(tuple(((start, end),) if day in days else () for day in range(7)))


def calendar(*parts: Part, name: str = "company") -> Calendar:
    return NamedCalendar(name, parts)


WEEKENDS = calendar(weekly(5, 6))


def excluding(
    inner: Series,
    *calendars: Calendar,
    rule: OnExcluded = OnExcluded.SKIP,
    zone: str = "Europe/Berlin",
) -> Excluding:
    return Excluding(inner, timeline(zone), calendars, rule)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """Return the instant of a local time such as ``2026-12-25 09:00``."""
    return instant(datetime.fromisoformat(text), ZoneInfo(zone))


def shown(moments: list[int], zone: str = "Europe/Berlin") -> list[str]:
    return [f"{from_us(us).astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for us in moments]


def daily(first: str, days: int, zone: str = "Europe/Berlin") -> Listed:
    start = datetime.fromisoformat(first)
    return Listed(tuple(instant(start + timedelta(days=n), ZoneInfo(zone)) for n in range(days)))
