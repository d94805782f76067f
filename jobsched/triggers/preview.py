"""What a trigger will do: its next moments, and the days on which it does nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from jobsched import clock
from jobsched.model import OnExcluded
from jobsched.triggers import describe
from jobsched.triggers.base import Trigger
from jobsched.triggers.fields import LAST_US, iso

USUAL = 10  # moments, when nobody says how many
MOST = 1000  # moments, and skipped days, in one preview
FURTHEST_US = 36_525 * 86_400 * clock.SECOND  # so far ahead skipped days are looked for
_CUT = "; later ones are not listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A moment as an instant and as the trigger's zone calls it, and what changed it if it was."""

    at_us: int
    local: datetime
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A day (``2026-03-29``) with planned moments that do not happen, or a month without any.

    *reason* is gap, calendar or, for a month (``2026-02``), short_month.
    """

    date: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The *next* moments of *trigger*, and what is *skipped* until the last of them, in order.

    Where the trigger ends before as many moments as were asked for, *skipped* goes on to its end.
    There are at most 1000 of each, and no days skipped after a hundred years; the note of the last
    one says when that cut the list short.
    """

    trigger: Trigger
    next: tuple[Planned, ...]
    skipped: tuple[Skipped, ...]

    def to_json(self) -> dict[str, object]:
        """Return the answer of POST /triggers/preview (spec/preview.md)."""
        return {
            "next": [_moment_json(planned) for planned in self.next],
            "skipped": [
                {"date": day.date, "reason": day.reason, "note": day.note} for day in self.skipped
            ],
            "description": describe(self.trigger),
            "timezone": self.trigger.timezone,
            "trigger": self.trigger.to_json(),
            "warnings": [
                {"rule": warning.rule, "message": warning.message}
                for warning in self.trigger.warnings()
            ],
        }


def preview(trigger: Trigger, from_us: int, n: int) -> Preview:
    """Return the first *n* (1-1000) moments of *trigger* as if it were created at *from_us*.

    They come strictly after *from_us*, save one that is meant to be at once. Where calendars move
    them, they are listed for a hundred years at most: each may have to be looked for day by day.
    """
    last_us = from_us + FURTHEST_US if _is_moved(trigger) else LAST_US
    near = takewhile(lambda moment: moment <= last_us, _moments(trigger, from_us))
    moments = list(islice(near, n))
    end_us = moments[-1] if len(moments) == n else trigger.last_us
    area = ZoneInfo(trigger.timezone)
    planned = (
        Planned(at_us=us, local=clock.from_us(us).astimezone(area), note=trigger.note(us))
        for us in moments
    )
    skipped = _skipped(trigger, from_us + 1, end_us + 1)
    return Preview(trigger=trigger, next=tuple(planned), skipped=skipped)


def _is_moved(trigger: Trigger) -> bool:
    return bool(trigger.calendars) and trigger.on_excluded is not OnExcluded.SKIP


def _moments(trigger: Trigger, created_us: int) -> Iterator[int]:
    moment = trigger.first(created_us)
    while moment is not None:
        yield moment
        moment = trigger.next_after(moment)


def _skipped(trigger: Trigger, first_us: int, end_us: int) -> tuple[Skipped, ...]:
    """Return the days and months of [first_us, end_us) that lack moments, as far as listed.

    A day sorts by its name, and a month before its own days.
    """
    until_us = min(end_us, first_us + FURTHEST_US)
    omissions = islice(trigger.omissions(first_us, until_us), MOST + 1)
    months = islice(trigger.empty_months(first_us, until_us), MOST + 1)
    found = [Skipped(date=each.date, reason=each.reason, note=each.note) for each in omissions]
    found += [Skipped(date=each.month, reason="short_month", note=each.note) for each in months]
    ordered = tuple(dict.fromkeys(sorted(found, key=lambda skipped: skipped.date)))
    if len(ordered) <= MOST and not (ordered and _lacks_any(trigger, until_us, end_us)):
        return ordered
    *listed, last = ordered[:MOST]
    return (*listed, replace(last, note=last.note + _CUT))


def _lacks_any(trigger: Trigger, first_us: int, end_us: int) -> bool:
    """Return whether there is any day or month of [first_us, end_us) that lacks moments.

    Days are looked for no further than a hundred years on: calendars are asked one by one.
    """
    if first_us >= end_us or trigger.rule().next_after(first_us - 1) is None:
        return False
    if next(trigger.empty_months(first_us, end_us), None) is not None:
        return True
    until_us = min(end_us, first_us + FURTHEST_US)
    return next(trigger.omissions(first_us, until_us), None) is not None


def _moment_json(planned: Planned) -> dict[str, object]:
    return {
        "utc": iso(planned.at_us),
        "local": planned.local.isoformat(),
        "note": planned.note,
    }
