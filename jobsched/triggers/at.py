"""Once: a single moment."""

from dataclasses import dataclass
from typing import ClassVar, Self

from jobsched.clock import SECOND
from jobsched.triggers.base import Trigger
from jobsched.triggers.fields import Fields, iso
from jobsched.triggers.series import Once, Series

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

    @property
    def at_once_us(self) -> int:
        """The moment."""
        return self.at_us

    def rule(self) -> Series:
        """Return the one moment."""
        return Once(self.at_us)

    def rule_json(self) -> dict[str, object]:
        """Return ``at``."""
        return {"at": iso(self.at_us)}

    def words(self) -> str:
        """Return for instance ``Once at 2026-05-01 07:00:00 UTC``."""
        return f"Once at {iso(self.at_us).replace('T', ' ').removesuffix('Z')} UTC"
