"""What a recurrence says about its moments: how often, and on which days and times.

The model is that of Azure Scheduler (articles/scheduler/scheduler-advanced-complexity.md of its
documentation); source document 004 shows it as a dialog.
"""

from dataclasses import dataclass, field
from enum import StrEnum

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EACH = 0  # in place of the number of an occurrence: each such weekday of the month


class Frequency(StrEnum):
    """What ``interval`` counts."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def elapsed(self) -> bool:
        """Whether it is a length of time, not a place in the calendar."""
        return self in {Frequency.MINUTE, Frequency.HOUR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The chosen times and days, each group in order; an empty group was not given.

    *weekdays* count from Monday = 0, *month_days* from the end when negative. *occurrences* are
    pairs of a weekday and which one of the month it is: 1 to 5, -1 to -5 from the end, or EACH.
    """

    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    occurrences: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return self != _NOTHING_CHOSEN

    def to_json(self) -> dict[str, object]:
        """Return it as the API spells it, without the groups that were not given."""
        groups: dict[str, list[object]] = {
            "minutes": [*self.minutes],
            "hours": [*self.hours],
            "weekDays": [WEEKDAYS[weekday] for weekday in self.weekdays],
            "monthDays": [*self.month_days],
            "monthlyOccurrences": [_occurrence_json(*pair) for pair in self.occurrences],
        }
        return {name: group for name, group in groups.items() if group}


_NOTHING_CHOSEN = Schedule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Every *step* minutes, hours, days, weeks or months, as *schedule* limits or widens it."""

    frequency: Frequency
    step: int = 1
    schedule: Schedule = field(default_factory=Schedule)

    def to_json(self) -> dict[str, object]:
        """Return the keys of ``recurrence`` that belong to the rule."""
        chosen = {"schedule": self.schedule.to_json()} if self.schedule else {}
        return {"frequency": self.frequency.value, "interval": self.step, **chosen}


def _occurrence_json(weekday: int, which: int) -> dict[str, object]:
    day: dict[str, object] = {"day": WEEKDAYS[weekday]}
    return day if which == EACH else {**day, "occurrence": which}
