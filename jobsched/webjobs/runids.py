"""How runs of web jobs are named to clients: the moment at which a run was made, as digits.

Kudu: 18 digits ``yyyyMMddHHmmssffff`` (UTC; the last four count 100 microseconds); seed 000 shows
the first 14 of them. As texts they sort like the runs themselves.
"""

import re
from datetime import UTC, datetime, timedelta

TICK_US = 100
_SECONDS = "%Y%m%d%H%M%S"
_FORM = re.compile(r"([0-9]{14})([0-9]{4})?", re.ASCII)


def id_of(created_at: datetime) -> str:
    """Return the name of the run of a job that was made at *created_at*, an instant in UTC."""
    return f"{created_at:{_SECONDS}}{created_at.microsecond // TICK_US:04}"


def span(text: str) -> tuple[datetime, datetime] | None:
    """Return from when on and until before when a run was made that *text* may name.

    That is a second for the seed's 14 digits. None: no run is named so.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    try:
        second = datetime.strptime(match[1], _SECONDS).replace(tzinfo=UTC)
        if match[2] is None:
            return second, second + timedelta(seconds=1)
        first = second + timedelta(microseconds=int(match[2]) * TICK_US)
        return first, first + timedelta(microseconds=TICK_US)
    except (ValueError, OverflowError):
        return None
