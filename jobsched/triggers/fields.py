"""Reading the JSON of a trigger field by field, gathering every refusal."""

import difflib
import math
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import TypedDict, TypeVar

from jobsched.calendars import NO_CALENDARS, Calendar, Calendars
from jobsched.clock import SECOND, from_us, to_us
from jobsched.errors import FieldError, InvalidInput
from jobsched.model import Dst, OnExcluded
from jobsched.triggers.zones import instant, is_in_gap, zone

LAST_US = to_us(datetime(MAXYEAR, 12, 30, tzinfo=UTC))  # a day short, so that any zone can show it
LONGEST_TEXT = 64
MOST_MOMENTS = 2**53
MOST_CALENDARS = 20
Word = TypeVar("Word", bound=StrEnum)
LONGEST_JITTER_US = 366 * 86_400 * SECOND


class Common(TypedDict):
    """The arguments that mean the same in every kind of trigger."""

    timezone: str
    dst: Dst
    end_us: int | None
    count: int | None
    jitter_us: int
    calendars: tuple[Calendar, ...]
    on_excluded: OnExcluded


class Fields:
    """One JSON object being read; *errors* holds what was refused so far.

    *calendars* are those that it may name. *inside* is where the object stands in a larger one,
    such as ``any[0].``; every refused field is named with it.
    """

    def __init__(
        self,
        data: Mapping[str, object],
        calendars: Calendars = NO_CALENDARS,
        inside: str = "",
    ) -> None:
        self.data = data
        self.known_calendars = calendars
        self.inside = inside
        self.errors: list[FieldError] = []

    def refuse(self, field: str, rule: str, message: str) -> None:
        """Note one broken rule of one field."""
        self.errors.append(FieldError(field=self.inside + field, rule=rule, message=message))

    def within(self, data: Mapping[str, object], place: str) -> "Fields":
        """Return the fields of the object *data* at *place*, which share these refusals."""
        inner = Fields(data, self.known_calendars, f"{self.inside}{place}.")
        inner.errors = self.errors
        return inner

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
        except OverflowError:
            self.refuse(name, "range", f"{name} must lie between 0001-01-02 and 9999-12-30.")
        except ValueError:
            self.refuse(name, "time", f"{name} must be an ISO 8601 time, 2026-05-01T07:00:00Z.")
        return None

    def gap(self, name: str, timezone: str) -> str | None:
        """Return the local time in *name*, which is sound, if the clocks of *timezone* skip it."""
        moment, area = datetime.fromisoformat(str(self.data[name])), zone(timezone)
        if moment.tzinfo is not None or area is None or not is_in_gap(moment, area):
            return None
        return moment.isoformat()

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
            "dst": self.choice("dst", Dst, Dst.ONCE),
            "end_us": self.moment("end", timezone),
            "count": self.whole("count"),
            "jitter_us": self.jitter(),
            "calendars": self.calendars(),
            "on_excluded": self.choice("on_excluded", OnExcluded, OnExcluded.SKIP),
        }

    def since(self, created_us: int | None) -> int | None:
        """Return the instant of creation, which a stored form has kept if it matters."""
        return self.moment("since", "UTC") if created_us is None else created_us

    def choice(self, name: str, words: type[Word], default: Word) -> Word:
        """Return the member of *words* that *name* spells, *default* when absent or refused."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value in {*words}:
            return words(value)
        self.refuse(name, "choice", f"{name} must be one of {', '.join(words)}.")
        return default

    def calendars(self) -> tuple[Calendar, ...]:
        """Return the calendars that ``calendars`` names, without those refused."""
        names = self.data.get("calendars")
        if names is None:
            return ()
        if not isinstance(names, list) or not 1 <= len(names) <= MOST_CALENDARS:
            message = f"calendars must be a list of 1 to {MOST_CALENDARS} names."
            self.refuse("calendars", "type", message)
            return ()
        found = [self._calendar(place, name) for place, name in enumerate(names)]
        return tuple(calendar for calendar in found if calendar is not None)

    def _calendar(self, place: int, name: object) -> Calendar | None:
        known = self.known_calendars
        if isinstance(name, str) and name in known:
            return known[name]
        near = difflib.get_close_matches(str(name)[:40], known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        message = f"There is no calendar {str(name)[:40]!r} in calendars.yaml.{hint}"
        self.refuse(f"calendars[{place}]", "unknown", message)
        return None

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
        raise OverflowError
    return us
