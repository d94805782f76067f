"""Instants and durations in the texts that clients of Kudu read."""

from datetime import datetime, timedelta

NEVER = "0001-01-01T00:00:00"  # what .NET makes of no time at all; clients read it as such
_DAY = 86_400


def instant(moment: datetime) -> str:
    """Return an instant in UTC as ``2013-11-08T02:56:00.000000Z``."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def duration(length: timedelta) -> str:
    """Return a time span as ``[d.]hh:mm:ss``; what a clock set back makes negative is none."""
    days, seconds = divmod(max(0, int(length.total_seconds())), _DAY)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    said = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}.{said}" if days else said
