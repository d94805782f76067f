"""Reading the JSON of a trigger field by field, gathering every refusal."""

import math
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime
from fractions import Fraction
from typing import TypedDict

from jobsched.clock import SECOND, from_us, to_us
from jobsched.errors import FieldError, InvalidInput
from jobsched.triggers.zones import instant, zone

LAST_US = to_us(datetime(MAXYEAR, 12, 30, tzinfo=UTC))  # a day short, so that any zone can show it
LONGEST_TEXT = 64
MOST_MOMENTS = 2**53
LONGEST_JITTER_US = 366 * 86_400 * SECOND


class Common(TypedDict):
    """The arguments that mean the same in every kind of trigger."""

    timezone: str
    end_us: int | None
    count: int | None
    jitter_us: int


class Fields:
    """One JSON object being read; *errors* holds what was refused so far."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self.data = data
        self.errors: list[FieldError] = []

    def refuse(self, field: str, rule: str, message: str) -> None:
        """Note one broken rule of one field."""
        self.errors.append(FieldError(field=field, rule=rule, message=message))

    def check(self) -> None:
        """Raise InvalidInput with everything that was refused, if anything was."""
        if self.errors:
            raise InvalidInput(self.errors)

    def zone_name(self, default: str) -> str:
        """Return the IANA name in ``timezone``, *default* when absent or refused."""
        name = self.data.get("timezone")
        if name is None:
            return default
        if isinstance(name, str) and zone(name) is not None:
            return name
        self.refuse("timezone", "timezone", "timezone must be the IANA name of a time zone.")
        return default

    def moment(self, name: str, timezone: str) -> int | None:
        """Return the ISO 8601 time in *name* as microseconds UTC; local if it has no offset."""
        text = self.data.get(name)
        if text is None:
            return None
        try:
            return _read_moment(text, timezone)
        except (ValueError, OverflowError):
            self.refuse(name, "time", f"{name} must be an ISO 8601 time, 2026-05-01T07:00:00Z.")
            return None

    def whole(self, name: str) -> int | None:
        """Return the whole number ≥ 1 in *name*, None when absent or refused."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_MOMENTS:
            return value
        self.refuse(name, "range", f"{name} must be a whole number from 1 to {MOST_MOMENTS}.")
        return None

    def common(self, timezone: str) -> Common:
        """Return what all kinds read alike, as arguments of a trigger."""
        return {
            "timezone": timezone,
            "end_us": self.moment("end", timezone),
            "count": self.whole("count"),
            "jitter_us": self.jitter(),
        }

    def jitter(self) -> int:
        """Return ``jitter`` (given in seconds) in microseconds, 0 when absent or refused."""
        value = self.data.get("jitter")
        amount = 0 if value is None else microseconds(value, 1)
        if amount is not None and 0 <= amount <= LONGEST_JITTER_US:
            return amount
        self.refuse("jitter", "range", "jitter must be a number of seconds ≥ 0, a year at most.")
        return 0


def microseconds(value: object, unit: int) -> int | None:
    """Return *value* times *unit* seconds in whole microseconds, None unless a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value * unit * SECOND
    return round(Fraction(value) * unit * SECOND) if math.isfinite(value) else None


def iso(us: int) -> str:
    """Return an instant as ISO 8601 UTC with Z; microseconds only when there are any."""
    return from_us(us).isoformat().removesuffix("+00:00") + "Z"


def _read_moment(text: object, timezone: str) -> int:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or not text.isascii():
        raise ValueError
    moment, area = datetime.fromisoformat(text), zone(timezone)
    if moment.tzinfo is not None:
        us = to_us(moment)
    elif area is not None:
        us = instant(moment, area)
    else:
        raise ValueError
    if not -LAST_US < us <= LAST_US:
        raise ValueError
    return us
