"""Endless rows of moments, in integer microseconds UTC: what a rule is without its bounds."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jobsched.clock import SECOND
from jobsched.triggers.fields import LAST_US

FEW = 100  # so many moments are found sooner one by one than by counting
_HOUR = 3600 * SECOND
FARTHEST = 200 * 366 * 24 * _HOUR  # nobody waits so long for the last of many moments


class Omission(NamedTuple):
    """Planned moments of one day that do not happen, and the sentence that says why.

    *at_us* is where the ledger enters them (never at a moment that does happen), *last_us* the
    last of them; *date* is the day as the zone of the trigger calls it, ``2026-03-29``.
    """

    at_us: int
    last_us: int
    total: int
    date: str
    reason: Literal["gap", "calendar"]
    note: str

    def entered_at(self, at_us: int) -> "Omission":
        """Return the same, entered at *at_us*."""
        return self._replace(at_us=at_us, last_us=max(at_us, self.last_us))


class EmptyMonth(NamedTuple):
    """A month, ``2026-02``, in which a rule about days of months finds none, and why."""

    month: str
    note: str


class Series(ABC):
    """Moments in order, each later than the one before."""

    __slots__ = ()

    @abstractmethod
    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*, None if there is none."""

    @abstractmethod
    def count(self, first_us: int, end_us: int) -> int:
        """Return how many moments there are from *first_us* on and before *end_us*."""

    def moments(self, after_us: int, until_us: int = LAST_US) -> Iterator[int]:
        """Yield the moments after *after_us*, *until_us* included, in order."""
        moment = self.next_after(after_us)
        while moment is not None and moment <= until_us:
            yield moment
            moment = self.next_after(moment)

    def newest(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* moments from *first_us* on and before *end_us*, in order.

        Looks at ever longer windows before the end until one holds enough of them, then halves
        it until few more are left, so that its cost follows *most*.
        """
        end_us = min(end_us, LAST_US + 1)
        begin, length, total = end_us, _HOUR, 0
        while begin > first_us and total < most:
            begin, length = max(first_us, end_us - length), length * 4
            total = self.count(begin, end_us)
        few = end_us
        while total > most + FEW:
            middle = (begin + few) // 2
            if (found := self.count(middle, end_us)) >= most:
                begin, total = middle, found
            else:
                few = middle
        return list(deque(self.moments(begin - 1, end_us - 1), maxlen=most))

    def nth_after(self, us: int, number: int) -> int | None:
        """Return the moment *number* (≥ 1) after *us*, None if there are fewer.

        Returns None, too, when it lies more than two hundred years ahead: every clock change up
        to it is looked at.
        """
        moment: int | None = us
        for _ in range(min(number, FEW)):
            moment = None if moment is None else self.next_after(moment)
        if moment is None or number <= FEW:
            return moment
        return self._far(moment, number - FEW)

    @property
    def is_walked(self) -> bool:
        """Whether going from moment to moment is cheaper than counting them."""
        return False

    def most_a_day(self, us: int) -> int:
        """Return how many moments after *us* a day holds at most, as the first of them does."""
        first = self.next_after(us)
        return 0 if first is None else self.count(first, first + 24 * _HOUR)

    @property
    def may_omit(self) -> bool:
        """Whether there can be omissions, of moments that are still to come."""
        return False

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what is left out from *first_us* on and before *end_us*, in order."""
        del first_us, end_us
        yield from ()

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the months from that of *first_us* to that before *end_us* that are too short.

        Those that the rule allows and that lack every day it names by number, or the fifth of
        a weekday.
        """
        del first_us, end_us
        yield from ()

    def note(self, us: int) -> str | None:
        """Return what is to be said about the moment *us*, None if nothing."""
        del us
        return None

    def _far(self, us: int, number: int) -> int | None:
        """Return the moment *number* after *us* by counting in windows, then halving the last."""
        low, length = us, _HOUR
        while (found := self.count(low + 1, low + length + 1)) < number:
            number, low, length = number - found, low + length, length * 2
            if low - us > FARTHEST:
                return None
        high = low + length
        while high - low > 1:
            middle = (low + high) // 2
            found = self.count(low + 1, middle + 1)
            if found >= number:
                high = middle
            else:
                number, low = number - found, middle
        return high


@dataclass(frozen=True, slots=True)
class Grid(Series):
    """Moments *step_us* apart from *start_us* on."""

    start_us: int
    step_us: int

    def next_after(self, us: int) -> int | None:
        """Return the first moment of the grid strictly after *us*."""
        moment = self.start_us
        if us >= moment:
            moment += ((us - moment) // self.step_us + 1) * self.step_us
        return moment if moment <= LAST_US else None

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are, by division."""
        first, last = self.next_after(first_us - 1), min(end_us - 1, LAST_US)
        return 0 if first is None else max(0, (last - first) // self.step_us + 1)

    def newest(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* by going back from the last."""
        total = self.count(first_us, end_us)
        if not total:
            return []
        last = min(end_us - 1, LAST_US)
        last -= (last - self.start_us) % self.step_us
        return [last - back * self.step_us for back in reversed(range(min(total, most)))]

    def nth_after(self, us: int, number: int) -> int | None:
        """Return the moment *number* after *us*, by multiplication."""
        first = self.next_after(us)
        moment = LAST_US + 1 if first is None else first + (number - 1) * self.step_us
        return moment if moment <= LAST_US else None


@dataclass(frozen=True, slots=True)
class Once(Series):
    """The one moment *at_us*."""

    at_us: int

    def next_after(self, us: int) -> int | None:
        """Return the moment if it lies after *us*."""
        return self.at_us if us < self.at_us else None

    def count(self, first_us: int, end_us: int) -> int:
        """Return 1 if the moment lies between the two."""
        return int(first_us <= self.at_us < end_us)


@dataclass(frozen=True, slots=True)
class AtOnce(Series):
    """The moment *at_us*, and those of *rest* that come after it."""

    at_us: int
    rest: Series

    def next_after(self, us: int) -> int | None:
        """Return the moment at once, then those of the rest."""
        return self.at_us if us < self.at_us else self.rest.next_after(us)

    def count(self, first_us: int, end_us: int) -> int:
        """Return the count of the rest and the one before it."""
        after = self.rest.count(max(first_us, self.at_us + 1), end_us)
        return after + int(first_us <= self.at_us < end_us)

    def newest(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return those of the rest, and the one before it if they are not enough."""
        later = self.rest.newest(max(first_us, self.at_us + 1), end_us, most)
        if len(later) < most and first_us <= self.at_us < end_us:
            return [self.at_us, *later]
        return later

    def nth_after(self, us: int, number: int) -> int | None:
        """Return the moment *number* after *us*."""
        if us >= self.at_us:
            return self.rest.nth_after(us, number)
        return self.at_us if number == 1 else self.rest.nth_after(self.at_us, number - 1)

    def most_a_day(self, us: int) -> int:
        """Return one more than the rest has."""
        return self.rest.most_a_day(us) + 1

    @property
    def may_omit(self) -> bool:
        """Whether the rest leaves something out."""
        return self.rest.may_omit

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what the rest leaves out."""
        return self.rest.omissions(max(first_us, self.at_us + 1), end_us)

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the empty months of the rest."""
        return self.rest.empty_months(max(first_us, self.at_us + 1), end_us)

    def note(self, us: int) -> str | None:
        """Return the note of the rest."""
        return None if us == self.at_us else self.rest.note(us)
