"""An .ics file, read by the package ``icalendar``, which is an extra."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jobsched.calendars.appointments import Appointments, Event
from jobsched.calendars.nodes import LONGEST_FILE

_WHOLE_DAY = timedelta(days=1)
_LONGEST = 366 * _WHOLE_DAY
_LONGEST_SUMMARY = 100
_RARE = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def read_ics(path: Path) -> tuple[Appointments, list[str]]:
    """Return the events of the file at *path* that close something, and what is wrong with it.

    Cancelled events close nothing; whether they show as free or busy does not matter, for
    calendars of holidays mark their days as free. Raises: ImportError without the package.
    """
    from icalendar import Calendar

    try:
        if path.stat().st_size > LONGEST_FILE:
            return Appointments(()), [f"is longer than {LONGEST_FILE} bytes"]
        found = Calendar.from_ical(path.read_bytes(), multiple=True)
    except OSError as error:
        return Appointments(()), [f"cannot be read: {error.strerror}"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return Appointments(()), [f"is not a valid .ics file: {str(error)[:200]}"]
    return _read([event for one in found for event in one.walk("VEVENT")])


def _read(components: list[Any]) -> tuple[Appointments, list[str]]:
    events: list[tuple[str, Event]] = []
    wrong: list[str] = []
    replaced = _replaced(components)
    for component in components:
        try:
            event = _event(component)
            less = replaced.get(_uid(component), ()) if "RECURRENCE-ID" not in component else ()
            moments = frozenset(_local(moment, event.zone) for moment in less)
            if component.get("STATUS") != "CANCELLED" and event.length:
                events.append((_uid(component), replace(event, less=event.less | moments)))
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            wrong.append(f"{_named(component)}: {error}")
    if not events and not wrong:
        wrong.append("has no event that closes anything")
    return Appointments(tuple(event for _, event in events)), wrong


def _replaced(components: list[Any]) -> Mapping[str, list[Any]]:
    """Return the times of repeated events that have an event of their own, by UID."""
    found: dict[str, list[Any]] = {}
    for component in components:
        if "RECURRENCE-ID" in component:
            found.setdefault(_uid(component), []).append(component["RECURRENCE-ID"].dt)
    return found


def _event(component: Any) -> Event:
    """Return what an event says. Raises: ValueError."""
    if component.errors:
        raise ValueError("; ".join(f"{name}: {reason}" for name, reason in component.errors))
    if "DTSTART" not in component:
        raise ValueError("DTSTART is missing")
    start = component["DTSTART"].dt
    zone = _zone(component)
    event = Event(
        start=_local(start, zone),
        length=_length(component, start),
        zone=zone,
        summary=str(component.get("SUMMARY", ""))[:_LONGEST_SUMMARY],
        rule=_rule(component, zone),
        more=_listed(component, "RDATE", zone),
        less=frozenset(_listed(component, "EXDATE", zone)),
    )
    if event.rule is not None and next(iter(event.repeated()), None) is None:
        raise ValueError("its RRULE never happens")
    return event


def _zone(component: Any) -> str | None:
    """Return the name of the zone that an event begins in, None if it is local everywhere.

    A zone that the file describes itself is known at single instants only.
    """
    start = component["DTSTART"]
    zone, name = getattr(start.dt, "tzinfo", None), str(start.params.get("TZID", ""))[:40]
    if zone is None and name:
        raise ValueError(f"its zone {name!r} is unknown")
    if zone is None or isinstance(zone, ZoneInfo):
        return None if zone is None else zone.key
    if "RRULE" in component:
        raise ValueError(f"repeats in the zone {name!r}, which is none of the IANA database")
    return "UTC"


def _local(moment: date, zone: str | None) -> datetime:
    """Return a date or time as the clocks of *zone* show it."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, datetime.min.time())
    if moment.tzinfo is not None and zone is not None:
        moment = moment.astimezone(ZoneInfo(zone))
    return moment.replace(tzinfo=None)


def _length(component: Any, start: date) -> timedelta:
    """Return how long an event lasts; DTEND is excluded, an all-day event has a day at least."""
    least = timedelta(0) if isinstance(start, datetime) else _WHOLE_DAY
    if "DURATION" in component:
        length: timedelta = component["DURATION"].dt
    elif "DTEND" in component:
        length = _elapsed(start, component["DTEND"].dt)
    else:
        length = least
    if not timedelta(0) <= length <= _LONGEST:
        raise ValueError("must end after it begins, and within a year")
    return max(least, length)


def _elapsed(start: date, end: date) -> timedelta:
    if isinstance(start, datetime) and isinstance(end, datetime) and start.tzinfo and end.tzinfo:
        return end.astimezone(UTC) - start.astimezone(UTC)
    return _local(end, None) - _local(start, None)


def _rule(component: Any, zone: str | None) -> str | None:
    """Return the RRULE with its UNTIL as a local time."""
    if "RRULE" not in component:
        return None
    rule: Any = component["RRULE"]
    if isinstance(rule, list):
        raise ValueError("has more than one RRULE")  # noqa: TRY004 - of the file, not the program
    if rule.get("FREQ", [""])[0] not in _RARE:
        raise ValueError(f"may only repeat {', '.join(_RARE)}")
    if rule.get("INTERVAL", [1])[0] < 1:
        raise ValueError("INTERVAL must be 1 or more")
    local = type(rule)(rule)
    if "UNTIL" in rule:
        local["UNTIL"] = [_local(rule["UNTIL"][0], zone)]
    return str(local.to_ical().decode())


def _listed(component: Any, name: str, zone: str | None) -> tuple[datetime, ...]:
    """Return the times of RDATE or EXDATE, which may stand there several times."""
    rows = component.get(name, [])
    moments = [item.dt for row in (rows if isinstance(rows, list) else [rows]) for item in row.dts]
    return tuple(
        _local(moment[0] if isinstance(moment, tuple) else moment, zone) for moment in moments
    )


def _uid(component: Any) -> str:
    return str(component.get("UID", ""))


def _named(component: Any) -> str:
    """Return what an event is called in a message."""
    return f"event {str(component.get('SUMMARY', _uid(component)))[:40]!r}"
