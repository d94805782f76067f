"""Moments that calendars exclude: left out, or moved to the nearest open day."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobsched.calendars import Calendar
from jobsched.model import OnExcluded
from jobsched.triggers.series import Omission, Series
from jobsched.triggers.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Excluding(Series):
    """The moments of *inner* that the *calendars* leave open, by the days of a zone.

    Those on excluded times are left out, or moved as *rule* says.
    """

    inner: Series
    timeline: Timeline
    calendars: tuple[Calendar, ...]
    rule: OnExcluded

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*."""
        raise NotImplementedError

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are."""
        raise NotImplementedError

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what is left out."""
        raise NotImplementedError
