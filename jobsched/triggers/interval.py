"""Every so often: a grid of moments from a start on, always the same distance apart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Self

from jobsched.clock import SECOND
from jobsched.triggers.base import Trigger, TriggerWarning
from jobsched.triggers.fields import LAST_US, Fields, microseconds
from jobsched.triggers.series import Grid, Series

UNITS: Mapping[str, int] = {
    "weeks": 604_800,
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
}
# More often, scheduling would be all that the machine does. Stored ones are taken as they are.
SHORTEST_US = SECOND // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalTrigger(Trigger):
    """Moments *step_us* apart; the first is *start_us*."""

    kind: ClassVar[str] = "interval"

    start_us: int
    step_us: int

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger; a start in the past moves on to the next moment of its grid."""
        shortest = 1 if created_us is None else SHORTEST_US
        step, common = _read_step(fields, shortest), fields.common(timezone)
        start = fields.moment("start", timezone)
        if start is None and created_us is None:
            fields.refuse("start", "required", "A stored interval needs its start.")
        if step is None or fields.errors:
            return None
        first = _first(step, start, created_us)
        if first > LAST_US:
            fields.refuse("interval", "range", "interval is longer than the calendar.")
            return None
        return cls(**common, start_us=first, step_us=step)

    @property
    def interval(self) -> timedelta:
        """The distance between two moments."""
        return timedelta(microseconds=self.step_us)

    def rule(self) -> Series:
        """Return the grid."""
        return Grid(self.start_us, self.step_us)

    def warnings(self) -> list[TriggerWarning]:
        """Return a warning when the distance is under a second."""
        if self.step_us >= SECOND:
            return []
        message = "The interval is shorter than a second: the job runs more than once a second."
        return [TriggerWarning("more_than_once_a_second", message)]

    def stretched_back(self, next_us: int, last_us: int, now_us: int) -> Self:
        """Return the grid begun early enough to go on at *now_us*, a microsecond beside the old.

        What has been fired between the two times shall not be fired again, yet a job that runs
        every ten seconds shall not rest for the hour that the clock went back.
        """
        waits_for_its_start = next_us - self.step_us > last_us
        if waits_for_its_start:
            return self
        steps = max(0, -(-(self.start_us - now_us) // self.step_us))
        earlier = replace(self, start_us=self.start_us - steps * self.step_us - 1, count=None)
        if self.count is None:
            return earlier
        # Its calendars may close some of the steps, which then take nothing from the count.
        begun = earlier.series.count(earlier.start_us, self.start_us - 1)
        return replace(earlier, count=self.count + begun)

    def rule_json(self) -> dict[str, object]:
        """Return ``interval`` in days, hours, minutes and seconds."""
        return {"interval": _split(self.step_us)}

    def words(self) -> str:
        """Return for instance ``Every 1 hour 30 minutes``."""
        parts = [
            f"{amount} {unit.removesuffix('s') if amount == 1 else unit}"
            for unit, amount in _split(self.step_us).items()
        ]
        return "Every " + (parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts))


def _read_step(fields: Fields, shortest: int) -> int | None:
    """Return the sum of the known keys of ``interval`` in microseconds (J20, J24, J25).

    One under *shortest* is refused.
    """
    value = fields.data.get("interval")
    if not isinstance(value, Mapping):
        fields.refuse("interval", "type", 'interval must be an object such as {"minutes": 5}.')
        return None
    known = {unit: value[unit] for unit in UNITS if unit in value}
    if not known:
        fields.refuse("interval", "required", f"interval needs one of {', '.join(UNITS)}.")
        return None
    amounts = {unit: microseconds(amount, UNITS[unit]) for unit, amount in known.items()}
    for unit in (unit for unit, amount in amounts.items() if amount is None):
        fields.refuse(f"interval.{unit}", "number", f"interval.{unit} must be a finite number.")
    return None if None in amounts.values() else _checked(fields, amounts, shortest)


def _checked(fields: Fields, amounts: Mapping[str, int | None], shortest: int) -> int | None:
    """Return the sum of the *amounts* if it is a usable distance."""
    step = sum(amount or 0 for amount in amounts.values())
    if shortest <= step <= LAST_US:
        return step
    name = f"interval.{next(iter(amounts))}" if len(amounts) == 1 else "interval"
    if step <= 0:
        fields.refuse(name, "positive", f"{name} must be more than zero.")
    elif step < shortest:
        given = f"{step / SECOND:.6f}".rstrip("0")
        least = f"at least {shortest / SECOND:g} seconds (given: {given})"
        fields.refuse(name, "too_short", f"interval must be {least}.")
    else:
        fields.refuse(name, "range", f"{name} is longer than the calendar.")
    return None


def _first(step: int, start: int | None, created_us: int | None) -> int:
    """Return the first moment: after creation, on the grid of *start* when one is given."""
    if created_us is None:
        assert start is not None  # noqa: S101 - refused before
        return start
    if start is None:
        return created_us + step
    if start > created_us:
        return start
    return start + ((created_us - start) // step + 1) * step


def _split(step_us: int) -> dict[str, int | float]:
    """Return the distance in days, hours, minutes and seconds, exactly."""
    parts: dict[str, int | float] = {}
    rest = step_us
    for unit in ("days", "hours", "minutes"):
        amount, rest = divmod(rest, UNITS[unit] * SECOND)
        if amount:
            parts[unit] = amount
    if rest:
        parts["seconds"] = rest / SECOND if rest % SECOND else rest // SECOND
    return parts
