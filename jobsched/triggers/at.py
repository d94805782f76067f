"""Once: a single moment."""

from dataclasses import dataclass
from typing import ClassVar, Self

from jobsched.clock import SECOND
from jobsched.triggers.base import NOTHING, Stretch, Trigger
from jobsched.triggers.fields import Fields, iso

PATIENCE_US = 60 * SECOND  # what lies no further in the past is meant for now


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTrigger(Trigger):
    """The one moment *at_us*."""

    kind: ClassVar[str] = "at"

    at_us: int

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        """Return the trigger; a moment less than a minute before creation is creation itself."""
        at, common = fields.moment("at", timezone), fields.common(timezone)
        start = fields.moment("start", timezone)
        if fields.data["at"] is None:
            fields.refuse("at", "time", "at must be an ISO 8601 time, 2026-05-01T07:00:00Z.")
        if at is not None and created_us is not None and at < created_us - PATIENCE_US:
            fields.refuse("at", "past", "at lies more than a minute in the past.")
        if at is None or fields.errors:
            return None
        moment = at if created_us is None else max(at, created_us)
        return cls(**common, start_us=start, at_us=moment)

    def first(self, created_us: int) -> int | None:
        """Return the moment, which may be creation itself."""
        return self.next_after(created_us - 1)

    def next_after(self, us: int) -> int | None:
        """Return the moment if it lies after *us*, inside start and end."""
        return self.at_us if us < self.at_us and self._allowed() else None

    def count_between(self, first_us: int, end_us: int) -> Stretch:
        """Return the moment if it lies between the two."""
        if self._allowed() and first_us <= self.at_us < end_us:
            return Stretch(1, self.at_us, self.at_us)
        return NOTHING

    def rule(self) -> dict[str, object]:
        """Return ``at``."""
        return {"at": iso(self.at_us)}

    def words(self) -> str:
        """Return for instance ``Once at 2026-05-01 07:00:00 UTC``."""
        return f"Once at {iso(self.at_us).replace('T', ' ').removesuffix('Z')} UTC"

    def _allowed(self) -> bool:
        after_start = self.start_us is None or self.start_us <= self.at_us
        return after_start and (self.end_us is None or self.at_us <= self.end_us)
