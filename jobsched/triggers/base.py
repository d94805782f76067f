"""What every trigger is: a rule that names moments, in integer microseconds UTC."""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple, Self

from apscheduler.triggers.base import BaseTrigger

from jobsched.clock import from_us, to_us
from jobsched.triggers.fields import LAST_US, Fields, iso

COMMON_KEYS = ("timezone", "start", "end", "count", "jitter")


class Stretch(NamedTuple):
    """Several moments in a row: how many, the first and the last (None when there are none)."""

    total: int
    first: int | None
    last: int | None


NOTHING = Stretch(0, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """The parts that all kinds share; a kind adds its rule.

    *end_us* includes its own instant, *count* counts moments from the first. *jitter_us* delays
    the start of a run at random and never moves a moment.
    """

    kind: ClassVar[str]

    timezone: str = "UTC"
    start_us: int | None = None
    end_us: int | None = None
    count: int | None = None
    jitter_us: int = 0

    @classmethod
    @abstractmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger that *fields* spell, None after refusing some of them."""

    @abstractmethod
    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*, None if there is none."""

    @abstractmethod
    def count_between(self, first_us: int, end_us: int) -> Stretch:
        """Return the moments from *first_us* on and before *end_us*, without listing them."""

    @abstractmethod
    def rule(self) -> dict[str, object]:
        """Return the keys of the canonical JSON that belong to this kind alone."""

    @abstractmethod
    def words(self) -> str:
        """Return the rule in plain English."""

    @property
    def interval(self) -> timedelta | None:
        """The fixed distance between moments, None when there is no such thing."""
        return None

    def first(self, created_us: int) -> int | None:
        """Return the first moment of a job created at *created_us*."""
        return self.next_after(created_us)

    def moments(self, after_us: int, until_us: int = LAST_US) -> Iterator[int]:
        """Yield the moments after *after_us*, *until_us* included, in order."""
        moment = self.next_after(after_us)
        while moment is not None and moment <= until_us:
            yield moment
            moment = self.next_after(moment)

    def newest_between(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* moments from *first_us* on and before *end_us*, in order."""
        return list(deque(self.moments(first_us - 1, end_us - 1), maxlen=most))

    def stretched_back(self, next_us: int, last_us: int, now_us: int) -> Self:
        """Return the trigger to go on with when the clock falls back from *last_us* to *now_us*.

        *next_us* was the next moment. What names wall-clock times stays as it is.
        """
        del next_us, last_us, now_us
        return self

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the next moment as APScheduler asks for it."""
        after = now if previous_fire_time is None else previous_fire_time
        moment = self.next_after(to_us(after))
        return None if moment is None else from_us(moment)

    def to_json(self) -> dict[str, object]:
        """Return the canonical form, which parses to an equal trigger."""
        return self.rule() | self._common()

    def _common(self) -> dict[str, object]:
        """Return the shared keys; ``timezone`` always, the others when they say something."""
        said: dict[str, object] = {"timezone": self.timezone}
        if self.start_us is not None:
            said["start"] = iso(self.start_us)
        if self.end_us is not None:
            said["end"] = iso(self.end_us)
        if self.count is not None:
            said["count"] = self.count
        if self.jitter_us:
            said["jitter"] = self.jitter_us / 1_000_000
        return said
