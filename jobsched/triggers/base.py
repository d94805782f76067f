"""What every trigger is: a rule that names moments, within bounds, in microseconds UTC."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal, NamedTuple, Self

from apscheduler.triggers.base import BaseTrigger

from jobsched.calendars import Calendar
from jobsched.clock import SECOND, from_us, to_us
from jobsched.model import Dst, OnExcluded
from jobsched.triggers.excluding import Excluding
from jobsched.triggers.fields import LAST_US, Fields, iso
from jobsched.triggers.series import EmptyMonth, Omission, Series
from jobsched.triggers.timeline import timeline

COMMON_KEYS = (
    "timezone", "start", "end", "count", "jitter", "dst", "calendars", "on_excluded",
)  # fmt: skip
SINCE, LAST = "since", "last"  # only in what is stored


class Stretch(NamedTuple):
    """Several moments in a row: how many, the first and the last (None when there are none)."""

    total: int
    first: int | None
    last: int | None


NOTHING = Stretch(0, None, None)


class TriggerWarning(NamedTuple):
    """What is legal in a trigger, yet may not be what its author means."""

    rule: Literal["day_or_weekday", "day_and_weekday", "more_than_once_a_second"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """The parts that all kinds share; a kind adds its rule.

    *since_us* is the instant of creation, kept only where the moments depend on it; all are
    later. *end_us* includes its own instant, *count* counts moments from the first. *jitter_us*
    delays the start of a run at random and never moves a moment.
    """

    kind: ClassVar[str]
    end_field: ClassVar[str] = "end"  # where a request says the end

    timezone: str = "UTC"
    dst: Dst = Dst.ONCE
    since_us: int | None = None
    start_us: int | None = None
    end_us: int | None = None
    count: int | None = None
    jitter_us: int = 0
    calendars: tuple[Calendar, ...] = ()
    on_excluded: OnExcluded = OnExcluded.SKIP

    series: Series = field(init=False, repr=False, compare=False)
    _last: int | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        series = self.rule()
        if self.calendars:
            zone = timeline(self.timezone)
            series = Excluding(series, zone, self.calendars, self.on_excluded)
        object.__setattr__(self, "series", series)

    @classmethod
    @abstractmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger that *fields* spell, None after refusing some of them.

        Without *created_us* they are a stored form, which is taken as it is.
        """

    @abstractmethod
    def rule(self) -> Series:
        """Return the moments without bounds and calendars."""

    @abstractmethod
    def rule_json(self) -> dict[str, object]:
        """Return the keys of the canonical JSON that belong to this kind alone."""

    @abstractmethod
    def words(self) -> str:
        """Return the rule in plain English."""

    @property
    def floor_us(self) -> int:
        """The instant that every moment is later than."""
        floor = -LAST_US if self.since_us is None else self.since_us
        return floor if self.start_us is None else max(floor, self.start_us - 1)

    @property
    def last_us(self) -> int:
        """The last moment that *count* allows, or the end, looked for when it is first asked for.

        A count that leads further than can be looked ahead ends nothing.
        """
        if self._last is None:
            last = LAST_US if self.end_us is None else self.end_us
            if self.count is not None:
                nth = self.series.nth_after(self.floor_us, self.count)
                last = last if nth is None else min(last, nth)
            object.__setattr__(self, "_last", last)
        assert self._last is not None  # noqa: S101 - narrows a type
        return self._last

    @property
    def basis(self) -> str:
        """What the last moment depends on besides the trigger: what is in its calendars."""
        return self.series.basis if isinstance(self.series, Excluding) else ""

    def remember_last(self, last: str, basis: str) -> None:
        """Take *last*, of the stored form, for the last moment, if its *basis* is still the same.

        Looking for it takes long where calendars exclude many moments.
        """
        us = to_us(datetime.fromisoformat(last))
        if basis == self.basis and self.series.next_after(us - 1) == us:
            object.__setattr__(self, "_last", us)

    @property
    def interval(self) -> timedelta | None:
        """The fixed distance between moments, None when there is no such thing."""
        return None

    def first(self, created_us: int) -> int | None:
        """Return the first moment of a job created at *created_us*."""
        return self.next_after(created_us)

    def next_after(self, us: int) -> int | None:
        """Return the first moment strictly after *us*, None if there is none."""
        moment = self.series.next_after(max(us, self.floor_us))
        return moment if moment is not None and moment <= self.last_us else None

    def moments(self, after_us: int, until_us: int = LAST_US) -> Iterator[int]:
        """Yield the moments after *after_us*, *until_us* included, in order."""
        return self.series.moments(max(after_us, self.floor_us), min(until_us, self.last_us))

    def count_between(self, first_us: int, end_us: int) -> Stretch:
        """Return the moments from *first_us* on and before *end_us*, without listing them."""
        newest = self.newest_between(first_us, end_us, 1)
        if not newest:
            return NOTHING
        begin = max(first_us, self.floor_us + 1)
        total = self.series.count(begin, newest[0] + 1)
        return Stretch(total, self.series.next_after(begin - 1), newest[0])

    def newest_between(self, first_us: int, end_us: int, most: int) -> list[int]:
        """Return the newest *most* moments from *first_us* on and before *end_us*, in order."""
        begin, end = max(first_us, self.floor_us + 1), min(end_us, self.last_us + 1)
        return self.series.newest(begin, end, most) if begin < end else []

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        """Yield what clock changes and calendars leave out of [first_us, end_us), in order."""
        begin, end = max(first_us, self.floor_us + 1), min(end_us, self.last_us + 1)
        if begin < end:
            yield from self.series.omissions(begin, end)

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        """Yield the months of [first_us, end_us) that are too short for the rule, in order."""
        begin, end = max(first_us, self.floor_us + 1), min(end_us, self.last_us + 1)
        if begin < end:
            yield from self.series.empty_months(begin, end)

    def warnings(self) -> list[TriggerWarning]:
        """Return what the author of the trigger had better look at twice."""
        return []

    @property
    def may_omit(self) -> bool:
        """Whether there can be omissions, of moments that are still to come."""
        return bool(self.calendars) or self.series.may_omit

    def note(self, us: int) -> str | None:
        """Return what clock changes and calendars did to the moment *us*, None if nothing."""
        return self.series.note(us)

    @property
    def at_once_us(self) -> int | None:
        """Where there may be a moment at once; None where all is far enough ahead."""
        return self.since_us

    def stretched_back(self, next_us: int, last_us: int, now_us: int) -> Self:
        """Return the trigger to go on with when the clock falls back from *last_us* to *now_us*.

        *next_us* was the next moment. What names wall-clock times stays as it is.
        """
        del next_us, last_us, now_us
        return self

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the next moment as APScheduler asks for it.

        It asks for the first one a little after the trigger was made: what is to happen at once
        must not be lost by that.
        """
        if previous_fire_time is not None:
            moment = self.next_after(to_us(previous_fire_time))
        elif self.at_once_us is not None and 0 <= to_us(now) - self.at_once_us <= SECOND:
            moment = self.first(self.at_once_us)
        else:
            moment = self.next_after(to_us(now))
        return None if moment is None else from_us(moment)

    def to_json(self) -> dict[str, object]:
        """Return the canonical form, which parses to an equal trigger."""
        return self.rule_json() | self.common_json()

    def stored(self) -> dict[str, object]:
        """Return the canonical form with the creation that it depends on, for ``restore``."""
        kept: dict[str, object] = {} if self.since_us is None else {SINCE: iso(self.since_us)}
        if self.count is not None and self.calendars and self.last_us < LAST_US:
            kept[LAST] = [iso(self.last_us), self.basis]
        return self.to_json() | kept

    def common_json(self) -> dict[str, object]:
        """Return the shared keys; ``timezone`` always, the others when they say something."""
        said: dict[str, object] = {"timezone": self.timezone}
        if self.dst is not Dst.ONCE:
            said["dst"] = self.dst.value
        if self.start_us is not None:
            said["start"] = iso(self.start_us)
        if self.end_us is not None:
            said["end"] = iso(self.end_us)
        if self.count is not None:
            said["count"] = self.count
        if self.jitter_us:
            said["jitter"] = self.jitter_us / 1_000_000
        if self.calendars:
            said["calendars"] = [calendar.name for calendar in self.calendars]
            said["on_excluded"] = self.on_excluded.value
        return said
