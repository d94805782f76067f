"""The occurrences of a job: what became of past moments, and the planned ones ahead."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, Occurrence, OccurrenceOutcome
from jobsched.storage import Store
from jobsched.storage.paging import Page, cursor_after, place_of
from jobsched.triggers import Trigger, restore

SPAN = timedelta(days=1)  # shown by default, back and ahead


class Ledger:
    """Looking at the occurrences of jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def occurrences(
        self,
        job: Job,
        span: tuple[datetime | None, datetime | None],
        limit: int,
        cursor: str | None,
    ) -> Page[Occurrence]:
        """Return the moments of *job* in the *span*, its ends included, newest first.

        Without an end the span reaches a day back or ahead.

        Raises: InvalidInput.
        """
        from_us, before_us = _bounds(span, cursor)
        shown = list(self._planned(job, from_us, before_us, limit + 1))
        if len(shown) <= limit:
            stored = self._store.occurrences.list(
                job.key, from_us, before_us, limit + 1 - len(shown)
            )
            shown.extend(stored.values)
            more = len(shown) > limit or stored.next is not None
        else:
            more = True
        values = shown[:limit]
        following = cursor_after(clock.to_us(values[-1].due_at)) if more and values else None
        return Page(values=values, next=following)

    def _planned(self, job: Job, from_us: int, before_us: int, most: int) -> Iterator[Occurrence]:
        """Yield the newest *most* moments ahead, newest first."""
        if job.state is not JobState.ACTIVE or job.trigger is None or job.next_run is None:
            return
        trigger = restore(job.trigger)
        begin = max(from_us, clock.to_us(job.next_run))
        for moment in _newest_first(trigger, begin, before_us, most):
            yield Occurrence(
                due_at=clock.from_us(moment),
                outcome=OccurrenceOutcome.PLANNED,
                reason=None,
                run_id=None,
                late_by=None,
            )


def _newest_first(trigger: Trigger, from_us: int, before_us: int, most: int) -> Iterator[int]:
    if from_us < before_us:
        yield from reversed(trigger.newest_between(from_us, before_us, most))


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
