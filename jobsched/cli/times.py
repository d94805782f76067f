"""Times as users write and read them: durations, moments, and instants of the server."""

import re
from datetime import UTC, datetime, timedelta

from jobsched.client.failures import Misused

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw])"
_DURATION = re.compile(f"(?:{_PART})+", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_BARE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)


def units(text: str) -> dict[str, float]:
    """Return a duration such as ``90s``, ``1h30m``, ``45`` (seconds) by units. Raises: Misused."""
    if _BARE.fullmatch(text):
        return {"seconds": _number(text)}
    if not _DURATION.fullmatch(text):
        raise Misused(f"{text!r} is no duration; write such as 30s, 1h30m or 2d.")
    parts = [(_UNITS[unit], _number(number)) for number, unit in re.findall(_PART, text)]
    if len(dict(parts)) < len(parts):
        raise Misused(f"{text!r} names a unit twice.")
    return dict(parts)


def seconds(text: str) -> float:
    """Return a duration in seconds. Raises: Misused."""
    return timedelta(**units(text)).total_seconds()


def moment(text: str, direction: int) -> str:
    """Return a moment as the server reads it: ISO 8601 with an offset.

    *text* is a duration (*direction* 1: from now on, -1: ago) or ISO 8601, which without an
    offset is local time.

    Raises: Misused.
    """
    if _DURATION.fullmatch(text):
        return _iso(datetime.now(UTC) + direction * timedelta(seconds=seconds(text)))
    try:
        return _iso(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        told = "write such as 2026-05-01T09:00, 2026-05-01T09:00:00Z or 2h"
        raise Misused(f"{text!r} is no time; {told}.") from None


def is_instant(value: object) -> bool:
    """Return whether *value* is an instant as the server shows them."""
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


def shown(instant: str | None, utc: bool) -> str:
    """Return an instant of the server for a reader: to the second, local with its offset or UTC."""
    if instant is None:
        return "-"
    found = datetime.fromisoformat(instant).replace(microsecond=0)
    if utc:
        return found.strftime("%Y-%m-%d %H:%M:%SZ")
    return found.astimezone().isoformat(" ")


def length(value: float | None) -> str:
    """Return a duration in seconds for a reader: ``0.21s``, ``12.5s``, ``3m05s``, ``2h00m``."""
    if value is None:
        return "-"
    if round(value, 1) < 60:
        return f"{value:.2f}s" if value < 10 else f"{value:.1f}s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


def _iso(found: datetime) -> str:
    return found.isoformat().replace("+00:00", "Z")
