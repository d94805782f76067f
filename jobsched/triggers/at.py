"""Once: a single moment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Self

from jobsched.clock import SECOND, to_us
from jobsched.model import Dst
from jobsched.triggers import clockwords
from jobsched.triggers.base import Trigger
from jobsched.triggers.fields import Fields, iso
from jobsched.triggers.series import Once, Series
from jobsched.triggers.timeline import Segment, timeline
from jobsched.triggers.zones import shown

PATIENCE_US = 60 * SECOND  # what lies no further in the past is meant for now


@dataclass(frozen=True, slots=True)
class _Moved(Once):
    """The one moment, which a clock change has moved there as *why* says."""

    why: str

    def note(self, us: int) -> str | None:
        """Return why, for the moment."""
        return self.why if us == self.at_us else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTrigger(Trigger):
    """The one moment *at_us*.

    *gap_at* is the local time that was said if the clocks of the zone leap over it; else None.
    The moment is then the first instant after the gap.
    """

    kind: ClassVar[str] = "at"

    at_us: int
    gap_at: str | None = None

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger; a moment less than a minute before creation is creation itself.

        A local time in a gap can never fire if ``dst`` is skip.
        """
        at, common = fields.moment("at", timezone), fields.common(timezone)
        start = fields.moment("start", timezone)
        if fields.data["at"] is None:
            fields.refuse("at", "time", "at must be an ISO 8601 time, 2026-05-01T07:00:00Z.")
        if at is not None and created_us is not None and at < created_us - PATIENCE_US:
            fields.refuse("at", "past", "at lies more than a minute in the past.")
        gap = None if at is None else fields.gap("at", timezone)
        if at is not None and created_us is not None and gap and common["dst"] is Dst.SKIP:
            left_out = clockwords.left_out(timezone, *_leap(timezone, at, gap), 1)
            fields.refuse("at", "never", f"at can never fire with dst skip: {left_out}.")
        if at is None or fields.errors:
            return None
        moment = at if created_us is None else max(at, created_us)
        said = gap if moment == at else None
        return cls(**common, start_us=start, at_us=moment, gap_at=said)

    def first(self, created_us: int) -> int | None:
        """Return the moment, which may be creation itself."""
        return self.next_after(created_us - 1)

    @property
    def at_once_us(self) -> int:
        """The moment."""
        return self.at_us

    def rule(self) -> Series:
        """Return the one moment."""
        if self.gap_at is None:
            return Once(self.at_us)
        leap = _leap(self.timezone, self.at_us, self.gap_at)
        return _Moved(self.at_us, clockwords.moved(self.timezone, *leap, 1))

    def rule_json(self) -> dict[str, object]:
        """Return ``at``, as it was said if that is in a gap."""
        return {"at": self.gap_at or iso(self.at_us)}

    def words(self) -> str:
        """Return for instance ``Once at 2026-05-01 09:00``, by the clocks of the zone."""
        return f"Once at {shown(self.at_us, self.timezone)}"


def _leap(timezone: str, after_us: int, said: str) -> tuple[Segment, tuple[int]]:
    """Return what begins *after_us*, at the end of a gap, and the local time *said* in seconds."""
    local = to_us(datetime.fromisoformat(said).replace(tzinfo=UTC)) // SECOND
    return timeline(timezone).segment(after_us // SECOND), (local,)
