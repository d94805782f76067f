"""What all jobs will do: every planned moment within some hours, in order of time.

How many run at once then is an estimate. Each run is expected to take the p95 of its job's past
ones, one without history no time at all. Of one job never more than ``max_instances`` count:
under ``skip`` a moment counts even if it finds the job's runs alive, under ``queue`` the run that
waits does not count, under ``replace`` the newest do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.operations.configuration import Configuration
from jobsched.operations.lineup import Lineup, Row, Span
from jobsched.storage import Store
from jobsched.storage.paging import Page, cursor_after, places_of
from jobsched.storage.switches import PAUSE_ALL
from jobsched.storage.texts import mapping_from
from jobsched.triggers import Trigger, restore

HOURS = 24
MOST_HOURS = 168
_HOUR = 3600 * SECOND
_MOST_TRIGGERS = 20_000  # remembered, about a kilobyte each


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One planned moment of a job. *p95* in seconds; *running* counts the run that begins."""

    at: datetime
    job_id: str
    name: str
    p95: float | None
    running: int


class Upcoming:
    """Looking ahead over all jobs."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        self._triggers = Triggers(configuration)

    def list(self, hours: int, limit: int, cursor: str | None) -> Page[Moment]:
        """Return a page of the moments from now on, by time and age of the job.

        Only active jobs have any, and paused ones from the end of their pause on, if it has one.
        The pages of a list end where the first one does. A page reads the jobs that are due
        before its own end, however often: so a later one takes longer.

        Raises: InvalidInput.
        """
        span = _span(clock.now_us(), hours, cursor, self._store.switches.get(PAUSE_ALL))
        found: list[Row] = []
        if span is not None:
            found = Lineup(self._store.database, self._triggers.of, span).rows(limit + 1)
        shown = found[:limit]
        following = None
        if len(found) > limit and span is not None:
            last = shown[-1]
            following = cursor_after(last.at_us, last.job.key, span.end_us)
        return Page(values=[*map(_moment, shown)], next=following)


class Triggers:
    """The triggers of stored texts, in bounded memory; made anew when calendars change."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._calendars: Calendars = NO_CALENDARS
        self._known: dict[str, Trigger | None] = {}

    def of(self, text: str) -> Trigger | None:
        """Return the trigger, None if it cannot be read: its job is about to be blocked."""
        calendars = self._configuration.calendars
        if calendars is not self._calendars:
            self._known, self._calendars = {}, calendars
        known = self._known
        if text in known:
            return known[text]
        if len(known) >= _MOST_TRIGGERS:
            known.clear()
        try:
            trigger = restore(mapping_from(text), calendars)
        except (ValueError, TypeError, InvalidInput):
            trigger = None
        known[text] = trigger
        return trigger


def _span(
    now_us: int, hours: int, cursor: str | None, switch: Mapping[str, Any] | None
) -> Span | None:
    """Return what the page shows, None when all jobs are paused for that long."""
    longest = now_us + MOST_HOURS * _HOUR
    at, key, end = places_of(cursor, 3) or (now_us, 0, now_us + hours * _HOUR)
    floor = now_us
    if switch and switch.get("paused"):
        floor = max(floor, longest if switch["until_us"] is None else switch["until_us"] - 1)
    end = min(end, longest)
    if floor >= end:
        return None
    return Span(now_us=now_us, floor_us=floor, end_us=end, place=(min(at, end), key))


def _moment(row: Row) -> Moment:
    return Moment(
        at=clock.from_us(row.at_us),
        job_id=row.job.id,
        name=row.job.name,
        p95=None if row.p95 is None else row.p95 / SECOND,
        running=row.running,
    )
