"""Calendars made of plain dates, and a reload of them, for tests of the scheduler."""

from dataclasses import dataclass
from datetime import date

from jobsched.calendars import Calendars, Window
from jobsched.errors import ConfigurationError, Mistake
from jobsched.scheduling.almanac import Almanac
from jobsched.storage import Store
from jobsched.storage.switches import CONFIGURATION


@dataclass(frozen=True)
class Dates:
    """A calendar that is closed on some *dates*, counted as ``date.toordinal`` does."""

    name: str
    dates: frozenset[int]

    def closed(self, day: int) -> tuple[Window, ...]:
        return ((0, 86_400),) if day in self.dates else ()

    def reason(self, day: int, second: int = 0) -> str:
        return f"{self.name} {date.fromordinal(day)}"


def closed(*dates: str, name: str = "holidays") -> Calendars:
    """Return the one calendar that is closed on *dates* such as ``2023-11-16``."""
    days = frozenset(date.fromisoformat(each).toordinal() for each in dates)
    return {name: Dates(name, days)}


class Office:
    """An almanac whose calendars a test puts in force as POST /reload does."""

    def __init__(self, calendars: Calendars) -> None:
        self.written: Calendars | None = calendars
        self.almanac = Almanac(calendars, self._read)
        self._reloads = 0

    def reload(self, store: Store, calendars: Calendars | None) -> None:
        """Let every part read *calendars*; None stands for a file that is broken meanwhile."""
        self.written = calendars
        self._reloads += 1
        store.switches.put(CONFIGURATION, {"reloaded_us": self._reloads, "by": "ada"})

    def _read(self) -> Calendars:
        if self.written is None:
            raise ConfigurationError([Mistake(where="calendars.yaml", message="is broken")])
        return self.written
