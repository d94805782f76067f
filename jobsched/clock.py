"""The one place that asks what time it is.

Instants are aware datetimes in UTC; the database keeps them as integer microseconds since
1970. Durations are measured with :func:`monotonic`, which no clock change can move.
"""

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return from_us(now_us())


def now_us() -> int:
    """Return the present instant in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def monotonic() -> float:
    """Return seconds of a clock that only goes forward; only differences mean something."""
    return time.monotonic()


def to_us(moment: datetime) -> int:
    """Return an aware *moment* as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """Return the aware UTC instant of *microseconds* since 1970, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)
