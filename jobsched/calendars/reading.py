"""How calendars.yaml is written: its keys, and what is wrong with them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jobsched.calendars.base import DAY, NO_CALENDARS, Calendar, Calendars, Window, merged
from jobsched.calendars.country import UnknownCountry, UnknownSubdivision, country_of
from jobsched.calendars.icsfile import read_ics
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.nodes import Place, open_yaml
from jobsched.calendars.parts import WEEKDAYS, Dates, Part, Ranges, Weekly, clock_time
from jobsched.errors import ConfigurationError
from jobsched.settings.permissions import world_writable
from jobsched.settings.suggestions import did_you_mean

FILE = "calendars.yaml"
MOST_CALENDARS = 1000
MOST_DATES = 100_000  # dates, ranges and weekly windows of all calendars together
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_CALENDAR = "{dates: [2026-12-24], weekly: [{days: [sat, sun]}]}"
_RANGE = "{from: 2026-08-03, to: 2026-08-14}"
_WEEKLY = '{days: [fri], from: "18:00", to: "24:00"}'
_HOLIDAYS = "{country: DE, subdivision: BY}"
_CODES = {"country": "DE", "subdivision": "BY"}
_DAYS = {name.lower()[:length]: n for n, name in enumerate(WEEKDAYS) for length in (3, 9)}


def load(conf_dir: Path) -> Calendars:
    """Return the calendars of *conf_dir* by name; none when there is no calendars.yaml.

    Raises: ConfigurationError with every mistake.
    """
    path = conf_dir / FILE
    if not path.exists():
        return NO_CALENDARS
    mistakes = world_writable(path)
    top = open_yaml(path, mistakes)
    calendars = {} if top is None else _Reader(conf_dir).calendars(top)
    if mistakes:
        raise ConfigurationError(mistakes)
    return calendars


@dataclass(slots=True)
class _Reader:
    """Reads one file; *left* is how many dates it may still have."""

    conf_dir: Path
    left: int = MOST_DATES

    def calendars(self, top: Place) -> dict[str, Calendar]:
        """Return the calendars of the file, without those that are broken."""
        found = top.entries(f"company: {_CALENDAR}") or {}
        if len(found) > MOST_CALENDARS:
            top.wrong(f"there are {len(found)} calendars; {MOST_CALENDARS} at most")
            return {}
        return {name: self._calendar(name, place) for name, place in found.items()}

    def _calendar(self, name: str, place: Place) -> Calendar:
        if not _NAME.fullmatch(name):
            place.wrong("a calendar's name has letters, digits, '-' and '_', 64 at most")
        before, readers = len(place.mistakes), self._readers()
        found = place.entries(_CALENDAR) or {}
        place.only(found, tuple(readers))
        read = [reader(found[key]) for key, reader in readers.items() if key in found]
        parts = tuple(part for part in read if part is not None)
        if not parts and len(place.mistakes) == before:
            place.wrong(f"excludes nothing; it must be a mapping such as {_CALENDAR}")
        return NamedCalendar(name, parts)

    def _readers(self) -> Mapping[str, Callable[[Place], Part | None]]:
        """Return what reads each key, in the order in which reasons are preferred."""
        return {
            "holidays": _holidays,
            "ics": self._ics,
            "dates": self._dates,
            "ranges": self._ranges,
            "weekly": self._weekly,
        }

    def _dates(self, place: Place) -> Part | None:
        days = [_date(item) for item in self._items(place, "[2026-12-24]")]
        return Dates(frozenset(day for day in days if day is not None)) if days else None

    def _ranges(self, place: Place) -> Part | None:
        spans = [_range(item) for item in self._items(place, f"[{_RANGE}]")]
        return Ranges.of(span for span in spans if span is not None) if spans else None

    def _weekly(self, place: Place) -> Part | None:
        rows = [_week(item) for item in self._items(place, f"[{_WEEKLY}]")]
        windows = (merged(*(row.get(day, ()) for row in rows)) for day in range(7))
        return Weekly(tuple(windows)) if rows else None

    def _ics(self, place: Place) -> Part | None:
        """Return the events of a file, whose path is absolute or leads to below the folder."""
        name = place.text("holidays.ics")
        if name is None:
            return None
        path = Path(name)
        if not path.is_absolute() and ".." in path.parts:
            place.wrong("must not leave the folder of calendars.yaml; it may be an absolute path")
            return None
        path = self.conf_dir / path
        place.mistakes.extend(world_writable(path))
        try:
            events, wrong = read_ics(path)
        except ImportError:
            place.wrong("needs the package icalendar: pip install 'jobsched[icalendar]'")
            return None
        for message in wrong:
            place.wrong(f"{path} {message}")
        return events

    def _items(self, place: Place, example: str) -> list[Place]:
        items = place.items(example) or []
        self.left -= len(items)
        if self.left >= 0:
            return items
        if self.left + len(items) >= 0:  # told once
            place.wrong(f"all calendars together may have {MOST_DATES} dates, ranges and windows")
        return []


def _holidays(place: Place) -> Part | None:
    """Return the public holidays of a country or a part of it."""
    found = place.entries(_HOLIDAYS)
    if found is None:
        return None
    place.only(found, ("country", "subdivision"))
    if "country" not in found:
        place.wrong(f"'country' is missing; it must be a mapping such as {_HOLIDAYS}")
        return None
    country, part = (found[key].text(_CODES[key]) if key in found else None for key in _CODES)
    try:
        return None if country is None else country_of(country, part)
    except ImportError:
        place.wrong("needs the package holidays: pip install 'jobsched[holidays]'")
    except UnknownSubdivision as error:
        found["subdivision"].wrong(str(error))
    except UnknownCountry as error:
        found["country"].wrong(str(error))
    return None


def _date(place: Place) -> int | None:
    """Return a date as an ordinal."""
    text = place.text("2026-12-24")
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).toordinal()
    except ValueError:
        pass
    place.wrong(f"{text[:40]!r} is no date; it must be written like 2026-12-24")
    return None


def _range(place: Place) -> tuple[int, int] | None:
    """Return the first and the last day of a range."""
    found = place.entries(_RANGE)
    if found is None:
        return None
    place.only(found, ("from", "to"))
    first, last = (_date(found[key]) if key in found else None for key in ("from", "to"))
    for key in ("from", "to"):
        if key not in found:
            place.wrong(f"{key!r} is missing; it must be a mapping such as {_RANGE}")
    if first is None or last is None:
        return None
    if first > last:
        place.wrong("ends before it begins")
    return first, last


def _week(place: Place) -> dict[int, tuple[Window, ...]]:
    """Return the window of each day of the week that one entry of ``weekly`` closes."""
    found = place.entries(_WEEKLY)
    if found is None:
        return {}
    place.only(found, ("days", "from", "to"))
    days = _days(place, found)
    start = _time(found["from"]) if "from" in found else 0
    end = _time(found["to"]) if "to" in found else DAY
    if start is None or end is None or not days:
        return {}
    if start >= end:
        _refuse_backward(place, days[0], start, end)
    return dict.fromkeys(days, ((start, end),))


def _days(place: Place, found: Mapping[str, Place]) -> list[int]:
    if "days" not in found:
        place.wrong(f"'days' is missing; it must be a mapping such as {_WEEKLY}")
        return []
    items = found["days"].items("[sat, sun]")
    if items == []:
        found["days"].wrong("names no day")
    days = [_day(item) for item in items or []]
    return [day for day in days if day is not None]


def _day(place: Place) -> int | None:
    text = place.text("sat")
    if text is None or text.lower() in _DAYS:
        return None if text is None else _DAYS[text.lower()]
    hint = did_you_mean(text, _DAYS)
    place.wrong(f"{text[:40]!r} is no day of the week (mon, tue, wed, thu, fri, sat, sun).{hint}")
    return None


def _time(place: Place) -> int | None:
    """Return a time of day in seconds, 24:00 included."""
    text = place.text('"18:00"')
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY:
            return total
    place.wrong(f'{text[:40]!r} is no time of day; it must be written like "18:00", "24:00" last')
    return None


def _refuse_backward(place: Place, day: int, start: int, end: int) -> None:
    if start == end:
        place.wrong("begins and ends at the same time; leave out both for the whole day")
        return
    today, tomorrow = (WEEKDAYS[number % 7][:3].lower() for number in (day, day + 1))
    evening = f'{{days: [{today}], from: "{clock_time(start)}", to: "24:00"}}'
    morning = f'{{days: [{tomorrow}], from: "00:00", to: "{clock_time(end)}"}}'
    both = f"{evening} and {morning}" if end else evening
    place.wrong(f"ends before it begins; past midnight it is written as two windows: {both}")
