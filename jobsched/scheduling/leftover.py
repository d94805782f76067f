"""An overdue moment of a job's former schedule, beside the moments of the present one.

Whoever changes a schedule while a moment waits to be run leaves that moment in the job's row: it
is due although the new schedule does not name it.
"""

from dataclasses import dataclass
from typing import Protocol

from jobsched.triggers import Stretch


class Moments(Protocol):
    """What planning asks of a trigger; see ``triggers.Trigger`` for each."""

    def next_after(self, us: int) -> int | None: ...

    def count_between(self, first_us: int, end_us: int) -> Stretch: ...

    def newest_between(self, first_us: int, end_us: int, most: int) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class _WithLeftover:
    """The moment *left_us*, then those of *schedule* that are later."""

    schedule: Moments
    left_us: int

    def next_after(self, us: int) -> int | None:
        return self.left_us if us < self.left_us else self.schedule.next_after(us)

    def count_between(self, first_us: int, end_us: int) -> Stretch:
        later = self.schedule.count_between(max(first_us, self.left_us + 1), end_us)
        if not first_us <= self.left_us < end_us:
            return later
        last = self.left_us if later.last is None else later.last
        return Stretch(later.total + 1, self.left_us, last)

    def newest_between(self, first_us: int, end_us: int, most: int) -> list[int]:
        later = self.schedule.newest_between(max(first_us, self.left_us + 1), end_us, most)
        if first_us <= self.left_us < end_us and len(later) < most:
            return [self.left_us, *later]
        return later


def with_leftover(schedule: Moments, due_us: int) -> Moments:
    """Return *schedule* from *due_us* on, which is a moment even if *schedule* lacks it."""
    if schedule.next_after(due_us - 1) == due_us:
        return schedule
    return _WithLeftover(schedule, due_us)
