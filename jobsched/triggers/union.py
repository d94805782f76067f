"""Several rows of moments as one: an instant that two of them name is one moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from operator import attrgetter

from jobsched.triggers.fields import LAST_US
from jobsched.triggers.series import EmptyMonth, Omission, Series


@dataclass(frozen=True, slots=True)
class Bounded(Series):
    """The moments of *inner* after *floor_us* and until *last_us*."""

    inner: Series
    floor_us: int
    last_us: int

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*."""
        moment = self.inner.next_after(us if us > self.floor_us else self.floor_us)
        return moment if moment is not None and moment <= self.last_us else None

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are within the bounds."""
        begin, end = self._within(first_us, end_us)
        return self.inner.count(begin, end) if begin < end else 0

    def newest(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* within the bounds."""
        begin, end = self._within(first_us, end_us)
        return self.inner.newest(begin, end, most) if begin < end else []

    def most_a_day(self, us: int) -> int:
        """Return what a day holds at most without the last bound."""
        return self.inner.most_a_day(max(us, self.floor_us))

    @property
    def may_omit(self) -> bool:
        """Whether there can be omissions."""
        return self.inner.may_omit

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what is left out within the bounds."""
        begin, end = self._within(first_us, end_us)
        if begin < end:
            yield from self.inner.omissions(begin, end)

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the months that are too short, within the bounds."""
        begin, end = self._within(first_us, end_us)
        if begin < end:
            yield from self.inner.empty_months(begin, end)

    def note(self, us: int) -> str | None:
        """Return what is to be said about a moment."""
        return self.inner.note(us)

    def _within(self, first_us: int, end_us: int) -> tuple[int, int]:
        return max(first_us, self.floor_us + 1), min(end_us, self.last_us + 1)


@dataclass(frozen=True, slots=True)
class Union(Series):
    """The moments of all *parts*."""

    parts: tuple[Series, ...]

    def next_after(self, us: int) -> int | None:
        """Return the earliest of what the parts have next."""
        found = [moment for part in self.parts if (moment := part.next_after(us)) is not None]
        return min(found) if found else None

    def count(self, first_us: int, end_us: int) -> int:
        """Return how many there are; all parts but the densest are looked at one by one."""
        parts = sorted(self.parts, key=lambda part: part.count(first_us, end_us), reverse=True)
        total = parts[0].count(first_us, end_us)
        for place, part in enumerate(parts[1:], 1):
            moments = part.moments(first_us - 1, end_us - 1)
            total += sum(1 for moment in moments if not _is_in(parts[:place], moment))
        return total

    def moments(self, after_us: int, until_us: int = LAST_US) -> Iterator[int]:
        """Yield the moments after *after_us*, *until_us* included, in order, each once."""
        before = None
        for moment in merge(*(part.moments(after_us, until_us) for part in self.parts)):
            if moment != before:
                yield moment
            before = moment

    def newest(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* of what is newest in each part."""
        found = chain.from_iterable(part.newest(first_us, end_us, most) for part in self.parts)
        return sorted({*found})[-most:]

    def nth_after(self, us: int, number: int) -> int | None:
        """Return the moment *number* (≥ 1) after *us* by going there; keep the number small."""
        return next(islice(self.moments(us), number - 1, None), None)

    @property
    def is_walked(self) -> bool:
        """Whether going from moment to moment is cheaper: counting compares them all."""
        return True

    def most_a_day(self, us: int) -> int:
        """Return the sum of what the parts have at most."""
        return sum(part.most_a_day(us) for part in self.parts)

    @property
    def may_omit(self) -> bool:
        """Whether a part can have omissions."""
        return any(part.may_omit for part in self.parts)

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what the parts leave out, each at an instant that nothing else has."""
        found = merge(
            *(part.omissions(first_us, end_us) for part in self.parts), key=attrgetter("at_us")
        )
        free_us = first_us
        for omission in found:
            at_us = max(omission.at_us, free_us)
            while _is_in(self.parts, at_us):
                at_us += 1
            yield omission.entered_at(at_us)
            free_us = at_us + 1

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the months that are too short for a part, the same sentence once."""
        found = merge(*(part.empty_months(first_us, end_us) for part in self.parts))
        before = None
        for month in found:
            if month != before:
                yield month
            before = month

    def note(self, us: int) -> str | None:
        """Return what the parts that have this moment say about it."""
        notes = [part.note(us) for part in self.parts if _is_in((part,), us)]
        return "; ".join(dict.fromkeys(note for note in notes if note)) or None


def _is_in(parts: tuple[Series, ...] | list[Series], moment: int) -> bool:
    return any(part.next_after(moment - 1) == moment for part in parts)
