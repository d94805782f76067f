"""When a web job runs: its settings or its publish settings as a trigger, and from when on.

Sources: Kudu's Schedule.cs and TriggeredJobsScheduler.cs (webjobs.md, section 4), Visual Studio's
webjob-publish-settings.json (section 8).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.clock import SECOND
from jobsched.errors import FieldError, InvalidInput
from jobsched.model import OccurrenceOutcome
from jobsched.storage.occurrences import NewOccurrence
from jobsched.triggers import Stretch, Trigger, parse
from jobsched.triggers.zones import zone

LATEST = 600.0  # seconds that a moment may be late and still run (Kudu)
COALESCED = "a newer moment took its place"
_ALONE = frozenset({"recurrence", "startTime", "calendars", "on_excluded", "dst", "jitter"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """The moment with which a job goes on (it may be due already; None = there is none left).

    *entries* tell the ledger what became of those that have passed.
    """

    next_us: int | None
    entries: tuple[NewOccurrence, ...] = ()


def read(
    keys: Mapping[str, Any],
    created_us: int,
    timezone: str = "UTC",
    calendars: Calendars = NO_CALENDARS,
) -> Trigger | None:
    """Return the trigger that the flat *keys* spell, None when they name no moments.

    Raises: InvalidInput with every broken rule, named as in settings.job.
    """
    if "cron" not in keys and "recurrence" not in keys:
        if idle := sorted(keys.keys() & _ALONE):
            message = f"{idle[0]} needs a schedule or a recurrence beside it."
            raise InvalidInput.field(idle[0], "required", message)
        _check_zone(keys.get("timezone"))
        return None
    try:
        return parse(keys, created_us=created_us, timezone=timezone, calendars=calendars)
    except InvalidInput as refusal:
        raise InvalidInput([_as_written(error) for error in refusal.errors]) from None


def published(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a trigger that publish settings name; none unless they are scheduled.

    Their ``jobRecurrenceFrequency`` and ``interval`` are a recurrence from ``startTime`` on.
    """
    if _word(values, "runMode") != "scheduled":
        return {}
    recurrence: dict[str, Any] = {"frequency": _word(values, "jobRecurrenceFrequency") or "day"}
    if (interval := values.get("interval")) is not None:
        recurrence["interval"] = interval
    if values.get("endTime"):
        recurrence["endTime"] = values["endTime"]
    keys: dict[str, Any] = {"recurrence": recurrence}
    if values.get("startTime"):
        keys["startTime"] = values["startTime"]
    return keys


def anew(trigger: Trigger, latest_us: int | None, now_us: int, grace: float | None) -> Fresh:
    """Return how a job goes on that is scheduled anew.

    *latest_us* is the start of its latest run; one that has never run (None) begins now. Else the
    next moment after that counts: still ahead, it is waited for; not later than *grace* seconds
    (None = no limit), it runs at once; else it has been missed with all others up to now.
    """
    due = trigger.first(now_us) if latest_us is None else trigger.next_after(latest_us)
    if due is None or due > now_us:
        return Fresh(next_us=due)
    overdue = trigger.count_between(due, now_us + 1)
    assert overdue.last is not None  # noqa: S101 - the moment that is due is one of them
    if grace is not None and now_us - due > round(grace * SECOND):
        entry = _entry(overdue, OccurrenceOutcome.MISSED, f"more than {grace:g} s late")
        return Fresh(next_us=trigger.next_after(now_us), entries=entry)
    older = trigger.count_between(due, overdue.last)
    entry = _entry(older, OccurrenceOutcome.COALESCED, COALESCED)
    return Fresh(next_us=overdue.last, entries=entry)


def _check_zone(name: object) -> None:
    if name is not None and not (isinstance(name, str) and zone(name)):
        message = "timezone must be the IANA name of a time zone."
        raise InvalidInput.field("timezone", "timezone", message)


def _entry(stretch: Stretch, outcome: OccurrenceOutcome, reason: str) -> tuple[NewOccurrence, ...]:
    if stretch.first is None:
        return ()
    last = stretch.last if stretch.total > 1 else None
    return (
        NewOccurrence(
            due_us=stretch.first,
            outcome=outcome,
            reason=reason,
            last_us=last,
            count=stretch.total,
        ),
    )


def _word(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value.strip().lower() if isinstance(value, str) else ""


def _as_written(error: FieldError) -> FieldError:
    """Return *error* under the name that its author knows: the key in settings.job."""
    head, dot, rest = error.field.partition(".")
    if head == "recurrence":
        return replace(error, message=_with_path(error))
    if head != "cron":
        return error
    inner = "" if rest == "expression" else f"{dot}{rest}"
    message = error.message
    for name in ("cron.expression", "cron"):
        if message.startswith(name):
            message = "schedule" + message.removeprefix(name)
    return replace(error, field=f"schedule{inner}", message=message)


def _with_path(error: FieldError) -> str:
    """Return the message of *error* with the whole path of its field: it may stand alone."""
    leaf = error.field.rpartition(".")[2]
    if error.message.startswith(f"{leaf} "):
        return error.field + error.message.removeprefix(leaf)
    return f"{error.field}: {error.message}"
