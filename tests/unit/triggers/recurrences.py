"""Recurrences for the tests: short ways to make them and to see what they do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from jobsched.clock import from_us, to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import Trigger, parse

NOW = to_us(datetime(2026, 11, 21, 10, tzinfo=UTC))  # a Saturday


def recurrence(**said: object) -> dict[str, object]:
    """Return a request whose startTime and timezone, if given, stand beside the rest."""
    beside: dict[str, object] = {}
    for name in ("startTime", "timezone", "dst"):
        if name in said:
            beside[name] = said.pop(name)
    return {"recurrence": said, **beside}


def instant(text: str) -> int:
    """Return the microseconds of an ISO time, UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def moments(data: Mapping[str, object], number: int = 10, created_us: int = NOW) -> list[int]:
    """Return the first *number* moments of a job created at *created_us*."""
    trigger = parse(data, created_us=created_us)
    found: list[int] = []
    moment = trigger.first(created_us)
    while moment is not None and len(found) < number:
        found.append(moment)
        moment = trigger.next_after(moment)
    return found


def shown(
    data: Mapping[str, object], number: int = 10, created_us: int = NOW, form: str = "%m-%d %H:%M"
) -> list[str]:
    """Return the first moments by the clocks of the trigger's zone."""
    zone = ZoneInfo(str(data.get("timezone", "UTC")))
    found = moments(data, number, created_us)
    return [from_us(moment).astimezone(zone).strftime(form) for moment in found]


def dates(data: Mapping[str, object], number: int = 10) -> list[str]:
    """Return the dates of the first moments."""
    return shown(data, number, form="%Y-%m-%d")


def refused(data: Mapping[str, object], created_us: int = NOW) -> dict[str, str]:
    """Return field -> rule of everything that is refused."""
    with pytest.raises(InvalidInput) as refusal:
        parse(data, created_us=created_us)
    return {error.field: error.rule for error in refusal.value.errors}


def made(data: Mapping[str, object], created_us: int = NOW) -> Trigger:
    return parse(data, created_us=created_us)
