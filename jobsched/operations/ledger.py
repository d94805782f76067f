"""The occurrences of a job: what became of past moments, the planned ones, and what is left out."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, Occurrence, OccurrenceOutcome
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store
from jobsched.storage.paging import Page, cursor_after, place_of
from jobsched.triggers import Trigger, restore
from jobsched.triggers.series import Omission

SPAN = timedelta(days=1)  # shown by default, back and ahead
_DAY = 86_400 * clock.SECOND
_FORESEEN = 20 * 366 * _DAY  # calendars are looked through day by day
_WINDOW = 64 * _DAY  # looked through first for what a trigger leaves out


class Span(NamedTuple):
    """From one instant on and before another, in microseconds, and how many entries at most."""

    from_us: int
    before_us: int
    most: int


class Ledger:
    """Looking at the occurrences of jobs."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        self._configuration = configuration

    def occurrences(
        self,
        job: Job,
        span: tuple[datetime | None, datetime | None],
        limit: int,
        cursor: str | None,
    ) -> Page[Occurrence]:
        """Return the moments of *job* in the *span*, its ends included, newest first.

        Between them stands what its trigger leaves out, as skipped. Without an end the span
        reaches a day back or ahead; with calendars nothing is planned for more than 20 years.

        Raises: InvalidInput.
        """
        asked = Span(*_bounds(span, cursor), limit + 1)
        trigger = self._trigger(job)
        told = self._store.occurrences.list(job.key, asked.from_us, asked.before_us, asked.most)
        ahead = asked if trigger is None else _foreseen(trigger, asked)
        shown = _newest([*told.values, *_planned(trigger, job, ahead)], asked.most)
        shown = _newest([*shown, *_omitted(trigger, job, _reaching(ahead, shown))], asked.most)
        values = shown[:limit]
        more = len(shown) > limit
        return Page(values=values, next=cursor_after(_place(values[-1])) if more else None)

    def _trigger(self, job: Job) -> Trigger | None:
        """Return the trigger of *job*; None also when it is broken, which is told elsewhere."""
        with suppress(InvalidInput):
            if job.trigger is not None:
                return restore(job.trigger, self._configuration.calendars)
        return None


def _foreseen(trigger: Trigger, asked: Span) -> Span:
    """Return the part of the span for which anybody can say what calendars close."""
    if not trigger.calendars:
        return asked
    return asked._replace(before_us=min(asked.before_us, clock.now_us() + _FORESEEN))


def _planned(trigger: Trigger | None, job: Job, asked: Span) -> Iterator[Occurrence]:
    """Yield the newest moments ahead."""
    if trigger is None or job.state is not JobState.ACTIVE or job.next_run is None:
        return
    begin = max(asked.from_us, clock.to_us(job.next_run))
    for moment in trigger.newest_between(begin, asked.before_us, asked.most):
        yield Occurrence(
            due_at=clock.from_us(moment),
            outcome=OccurrenceOutcome.PLANNED,
            reason=trigger.note(moment),
            run_id=None,
            late_by=None,
        )


def _omitted(trigger: Trigger | None, job: Job, asked: Span) -> Iterator[Occurrence]:
    """Yield the newest of what the trigger leaves out and the ledger does not tell yet."""
    if trigger is None or not trigger.may_omit or job.seen_at is None:
        return
    life = clock.to_us(job.seen_at), _end_of_omissions(job)
    for omission in _newest_omissions(trigger, life, asked):
        yield Occurrence(
            due_at=clock.from_us(omission.at_us),
            outcome=OccurrenceOutcome.SKIPPED,
            reason=omission.note,
            run_id=None,
            late_by=None,
            last_due_at=clock.from_us(omission.last_us) if omission.total > 1 else None,
            count=omission.total,
        )


def _end_of_omissions(job: Job) -> int:
    """Return until when the trigger of *job* has any say."""
    match job.state:
        case JobState.ACTIVE:
            return clock.to_us(datetime.max.replace(tzinfo=clock.now().tzinfo))
        case JobState.FINISHED:
            return 0  # at its end the ledger was told everything
        case JobState.DELETED:
            return clock.to_us(job.updated_at)
        case _:
            return clock.now_us()


def _newest_omissions(trigger: Trigger, life: tuple[int, int], asked: Span) -> list[Omission]:
    """Return at least the newest ``most`` omissions, from ever longer windows before the end.

    *life* is the time in which the trigger counts. A day's omissions that begin before the span
    and reach into it are among them.
    """
    found: list[Omission] = []
    first = max(life[0], asked.from_us - 2 * _DAY)
    end, length = min(life[1], asked.before_us), _WINDOW
    while end > first and len(found) < asked.most:
        begin = max(first, end - length)
        found += _whole(trigger, life, (begin, end), asked.from_us)
        end, length = begin, length * 2
    return found


def _whole(
    trigger: Trigger, life: tuple[int, int], window: tuple[int, int], from_us: int
) -> Iterator[Omission]:
    """Yield the omissions that begin in *window*, none cut off at its ends."""
    begin, end = max(life[0], window[0] - 2 * _DAY), min(life[1], window[1] + 2 * _DAY)
    for omission in trigger.omissions(begin, end):
        if window[0] <= omission.at_us < window[1] and omission.last_us >= from_us:
            yield omission


def _newest(entries: Iterable[Occurrence], most: int) -> list[Occurrence]:
    """Return the newest *most* of *entries*, newest first; the first of several for a moment."""
    by_moment: dict[datetime, Occurrence] = {}
    for entry in entries:
        by_moment.setdefault(entry.due_at, entry)
    return sorted(by_moment.values(), key=_place, reverse=True)[:most]


def _reaching(asked: Span, shown: list[Occurrence]) -> Span:
    """Return the part of the span that a page of *shown* covers."""
    return asked if len(shown) < asked.most else asked._replace(from_us=_place(shown[-1]))


def _place(entry: Occurrence) -> int:
    return clock.to_us(entry.due_at)


def _bounds(span: tuple[datetime | None, datetime | None], cursor: str | None) -> tuple[int, int]:
    """Return [from, before) in microseconds."""
    begin, end = span
    now = clock.now()
    from_us = clock.to_us(begin or now - SPAN)
    before_us = clock.to_us(end or now + SPAN) + 1
    if before_us <= from_us:
        raise InvalidInput.field("to", "order", "to lies before from.")
    place = place_of(cursor)
    return from_us, before_us if place is None else min(before_us, place)
