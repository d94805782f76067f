"""Showing what a trigger would do before there is a job: nothing is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.errors import FieldError, InvalidInput
from jobsched.triggers import TRIGGER_KEYS, Trigger, parse
from jobsched.triggers.fields import Fields
from jobsched.triggers.preview import MOST, Preview, preview
from jobsched.triggers.zones import zone

if TYPE_CHECKING:
    from jobsched.operations.configuration import Configuration

FROM, N = "from", "n"
_EARLIEST_US = clock.to_us(datetime(1900, 1, 1, tzinfo=UTC))


def previewed(
    asked: Mapping[str, object],
    n: object,
    *,
    timezone: str = "UTC",
    calendars: Calendars = NO_CALENDARS,
) -> Preview:
    """Return the next *n* (1-1000) moments of the trigger that *asked* spells.

    *asked* holds the flat keys of a trigger and ``from``, the moment that counts as that of its
    creation (default now); null means not given. *timezone* holds where it names none.

    Raises: InvalidInput with every broken rule.
    """
    trigger, from_us, most = _read(asked, n, timezone, calendars)
    return preview(trigger, from_us, most)


class Previews:
    """Previews with the time zone and the calendars of the server."""

    def __init__(self, configuration: "Configuration") -> None:
        self._configuration = configuration

    def show(self, asked: Mapping[str, object], n: int) -> Preview:
        """Return the next *n* moments of a trigger; see :func:`previewed`."""
        configuration = self._configuration
        timezone, calendars = configuration.settings.timezone, configuration.calendars
        return previewed(asked, n, timezone=timezone, calendars=calendars)

    def mistakes(self, data: Mapping[str, object]) -> list[FieldError]:
        """Return what is wrong with the trigger of a raw request that has other mistakes."""
        configuration = self._configuration
        asked = {name: data[name] for name in (*TRIGGER_KEYS, FROM) if name in data}
        try:
            _read(asked, 1, configuration.settings.timezone, configuration.calendars)
        except InvalidInput as refusal:
            return list(refusal.errors)
        return []


def _read(
    asked: Mapping[str, object], n: object, timezone: str, calendars: Calendars
) -> tuple[Trigger, int, int]:
    """Return the trigger, the moment of its creation, and *n*. Raises: InvalidInput."""
    said = {name: value for name, value in asked.items() if value is not None}
    from_us, wrong = _beginning(said.pop(FROM, None), said.get("timezone"), timezone)
    most = n if isinstance(n, int) and not isinstance(n, bool) else 0
    if not 1 <= most <= MOST:
        wrong.append(FieldError(field="n", rule="range", message=f"n must be 1 to {MOST}."))
    try:
        trigger = parse(said, created_us=from_us, timezone=timezone, calendars=calendars)
    except InvalidInput as refusal:
        raise InvalidInput([*wrong, *refusal.errors]) from None
    if wrong:
        raise InvalidInput(wrong)
    return trigger, from_us, most


def _beginning(text: object, named: object, timezone: str) -> tuple[int, list[FieldError]]:
    """Return the moment in *text*, now when it is absent or refused, and why it was refused.

    Without offset it is a time of the zone *named*, if there is such a zone, else of *timezone*.
    """
    fields = Fields({FROM: text})
    area = named if isinstance(named, str) and zone(named) is not None else timezone
    from_us = fields.moment(FROM, area)
    if from_us is not None and from_us < _EARLIEST_US:
        fields.refuse(FROM, "range", "from must not lie before 1900.")
    return clock.now_us() if from_us is None else from_us, fields.errors
