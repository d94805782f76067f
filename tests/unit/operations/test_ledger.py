"""The ledger: what became of past moments and the planned ones, in one list."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.catalog import Catalog
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, OccurrenceOutcome
from jobsched.operations.configuration import Configuration
from jobsched.operations.ledger import Ledger
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.occurrences import NewOccurrence
from tests.support.databases import migrated
from tests.support.rows import add_job

HOUR = 3600 * clock.SECOND


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = migrated(f"sqlite:///{tmp_path / 'jobsched.db'}")
    yield opened
    opened.close()


def ledger(store: Store, calendars: Calendars = NO_CALENDARS) -> Ledger:
    folder = Path()
    settings = Settings(conf_dir=folder, tasks_dir=folder, data_dir=folder)
    return Ledger(store, Configuration(settings, Catalog({}), calendars=calendars))


def hourly(store: Store, now_us: int) -> Job:
    """Return a job whose last three moments ran, and whose next is in half an hour."""
    first = now_us - 5 * HOUR // 2
    job = add_job(
        store,
        trigger={"interval": {"hours": 1}, "start": clock.from_us(first).isoformat()},
        next_us=first + 3 * HOUR,
    )
    ran = [
        NewOccurrence(due_us=first + number * HOUR, outcome=OccurrenceOutcome.RAN, late_us=number)
        for number in range(3)
    ]
    return store.jobs.change(job.id, None, {"description": "x"}, ran)


def test_planned_moments_stand_before_those_that_ran(store: Store) -> None:
    now = clock.now()
    job = hourly(store, clock.to_us(now))
    span = (now - timedelta(hours=2), now + timedelta(hours=2))

    page = ledger(store).occurrences(job, span, 100, None)

    assert [entry.outcome.value for entry in page.values] == ["planned", "planned", "ran", "ran"]
    assert page.next is None
    moments = [entry.due_at for entry in page.values]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7])
def test_pages_follow_each_other_without_gap_or_repeat(store: Store, limit: int) -> None:
    now = clock.now()
    job = hourly(store, clock.to_us(now))
    span = (now - timedelta(hours=3), now + timedelta(hours=3))
    shown = ledger(store)
    whole = shown.occurrences(job, span, 100, None).values

    found, cursor = [], None
    while True:
        page = shown.occurrences(job, span, limit, cursor)
        found += page.values
        cursor = page.next
        if cursor is None:
            break

    assert len(whole) == 6
    assert found == whole


def test_a_moment_on_the_ends_of_the_span_is_in_it(store: Store) -> None:
    now_us = clock.now_us()
    job = hourly(store, now_us)
    first = clock.from_us(now_us - 5 * HOUR // 2)
    assert job.next_run is not None

    values = ledger(store).occurrences(job, (first, job.next_run), 100, None).values

    assert (values[-1].due_at, values[0].due_at) == (first, job.next_run)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.FINISHED, JobState.BLOCKED])
def test_only_an_active_job_has_moments_ahead(store: Store, state: JobState) -> None:
    job = hourly(store, clock.now_us())
    job = store.jobs.change(job.id, None, {"state": state})

    values = ledger(store).occurrences(job, (None, None), 100, None).values

    assert {entry.outcome for entry in values} == {OccurrenceOutcome.RAN}


def test_a_million_moments_ahead_are_not_counted_out(store: Store) -> None:
    now = clock.now()
    job = add_job(
        store,
        trigger={"interval": {"seconds": 0.001}, "start": now.isoformat()},
        next_us=clock.to_us(now),
    )

    page = ledger(store).occurrences(job, (now, now + timedelta(days=10_000)), 2, None)

    assert [entry.due_at for entry in page.values] == [
        now + timedelta(days=10_000),
        now + timedelta(days=10_000) - timedelta(milliseconds=1),
    ]


def test_a_span_that_ends_before_it_begins_is_refused(store: Store) -> None:
    now = clock.now()

    with pytest.raises(InvalidInput) as refusal:
        ledger(store).occurrences(hourly(store, 0), (now, now - timedelta(days=1)), 10, None)

    assert refusal.value.errors[0].field == "to"
