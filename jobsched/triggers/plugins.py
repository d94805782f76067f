"""Our triggers under the names that APScheduler finds them by, made with the words of the API.

``scheduler.add_job(function, "jobsched_interval", minutes=5, end="2026-05-01")``. Each class here
only makes a trigger of its kind and has no instances of its own.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from jobsched.triggers import parse
from jobsched.triggers.at import AtTrigger
from jobsched.triggers.base import Trigger
from jobsched.triggers.cron import CronTrigger
from jobsched.triggers.interval import UNITS, IntervalTrigger
from jobsched.triggers.recurrence import RecurrenceTrigger
from jobsched.triggers.several import AnyTrigger
from jobsched.triggers.zones import zone

_RULE = ("frequency", "interval", "schedule")  # of a recurrence
# What APScheduler's own triggers call the same things.
_ITS_WORDS = {"start_date": "start", "end_date": "end", "run_date": "at"}


class Interval(IntervalTrigger):
    """``jobsched_interval``: weeks, days, hours, minutes, seconds, or ``interval={...}``."""

    __slots__ = ()

    def __new__(cls, **words: object) -> Trigger:
        """Return the trigger. Raises: InvalidInput with every broken rule."""
        units = {name: words.pop(name) for name in UNITS if name in words}
        return _made({"interval": units, **words} if units else words)


class At(AtTrigger):
    """``jobsched_at``: once, at the time ``at`` (or ``run_date``)."""

    __slots__ = ()

    def __new__(cls, **words: object) -> Trigger:
        """Return the trigger. Raises: InvalidInput with every broken rule."""
        return _made(words)


class Cron(CronTrigger):
    """``jobsched_cron``: ``expression="0 9 * * mon-fri"``, with a ``dialect`` if it is not unix."""

    __slots__ = ()

    def __new__(cls, **words: object) -> Trigger:
        """Return the trigger. Raises: InvalidInput with every broken rule."""
        text, dialect = words.pop("expression", words.pop("cron", None)), words.pop("dialect", None)
        cron = text if dialect is None else {"expression": text, "dialect": dialect}
        return _made({"cron": cron, **words})


class Recurrence(RecurrenceTrigger):
    """``jobsched_recurrence``: frequency, interval and schedule, or ``recurrence={...}``."""

    __slots__ = ()

    def __new__(cls, **words: object) -> Trigger:
        """Return the trigger. Raises: InvalidInput with every broken rule."""
        rule = {name: words.pop(name) for name in _RULE if name in words}
        return _made({"recurrence": rule, **words} if rule else words)


class Any(AnyTrigger):
    """``jobsched_any``: several triggers, ``any=[{"cron": "0 9 * * *"}, {"at": ...}]``."""

    __slots__ = ()

    def __new__(cls, **words: object) -> Trigger:
        """Return the trigger. Raises: InvalidInput with every broken rule."""
        return _made(words)


def _made(words: Mapping[str, object]) -> Trigger:
    said = {
        _ITS_WORDS.get(name, name): value.isoformat() if isinstance(value, datetime) else value
        for name, value in words.items()
        if value is not None
    }
    area = said.get("timezone")
    if isinstance(area, tzinfo):  # the scheduler's own, unless the caller named one
        said["timezone"] = str(area) if zone(str(area)) else "UTC"
    return parse(said)
