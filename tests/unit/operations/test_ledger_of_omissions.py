"""The ledger of jobs that leave something out: why a day is empty, past and ahead."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.catalog import Catalog
from jobsched.model import Job, JobState, Occurrence
from jobsched.operations.configuration import Configuration
from jobsched.operations.ledger import Ledger
from jobsched.settings import Settings
from jobsched.triggers import parse
from tests.support.closed_days import closed
from tests.support.databases import migrated
from tests.support.rows import add_job

NINE_O_CLOCK = {"cron": "0 9 * * *"}
TODAY = datetime.now(UTC).date()


def day(number: int) -> str:
    """Return the date *number* days from now on."""
    return (TODAY + timedelta(days=number)).isoformat()


class Desk:
    """A ledger and the jobs in it; *calendars* are in force."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(conf_dir=folder, tasks_dir=folder, data_dir=folder)
        self.store = migrated(f"sqlite:///{folder / 'jobsched.db'}")
        self.configuration = Configuration(settings, Catalog({}))
        self.ledger = Ledger(self.store, self.configuration)

    def add(self, given: dict[str, Any], calendars: Calendars, days_ago: int = 5) -> Job:
        """Add a job created some days ago, with nothing told of it since."""
        self.configuration.calendars = calendars
        created = clock.now() - timedelta(days=days_ago)
        created_us = clock.to_us(created.replace(hour=0, minute=0, second=0, microsecond=0))
        trigger = parse(
            {**given, "calendars": [*calendars]} if calendars else given,
            created_us=created_us,
            calendars=calendars,
        )
        next_us = trigger.next_after(clock.now_us())
        return add_job(self.store, trigger=trigger.stored(), created_us=created_us, next_us=next_us)

    def rows(self, job: Job, limit: int = 100, **span: datetime) -> list[Occurrence]:
        begin = span.get("begin", clock.now() - timedelta(days=30))
        end = span.get("end", clock.now() + timedelta(days=30))
        return self.ledger.occurrences(job, (begin, end), limit, None).values


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def skipped(rows: list[Occurrence]) -> list[str]:
    """Return the days of what was left out, the newest first."""
    return [row.due_at.date().isoformat() for row in rows if row.outcome.value == "skipped"]


def test_closed_days_stand_among_the_planned_and_the_past(desk: Desk) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2), day(3)))

    rows = desk.rows(job)

    assert skipped(rows) == [day(3), day(-2)]
    [ahead, _] = [row for row in rows if row.outcome.value == "skipped"]
    assert "holidays" in str(ahead.reason)
    assert rows == sorted(rows, key=lambda row: row.due_at, reverse=True)
    planned = [row.due_at.date().isoformat() for row in rows if row.outcome.value == "planned"]
    assert day(3) not in planned
    assert {day(2), day(4)} <= {*planned}


def test_many_moments_of_a_closed_day_are_one_row(desk: Desk) -> None:
    job = desk.add({"cron": "* * * * *"}, closed(day(2)))

    noon, one = (datetime.fromisoformat(f"{day(2)}T{hour}:00:00Z") for hour in (12, 13))

    [row] = desk.rows(job, begin=noon, end=one)

    assert row.due_at == datetime.fromisoformat(f"{day(2)}T00:00:00Z")
    assert row.last_due_at == datetime.fromisoformat(f"{day(2)}T23:59:00Z")
    assert row.count == 1440


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_with_closed_days_have_neither_gap_nor_repeat(desk: Desk, limit: int) -> None:
    job = desk.add({"cron": "0 */6 * * *"}, closed(day(-2), day(1), day(2), day(4)))
    span = clock.now() - timedelta(days=6), clock.now() + timedelta(days=6)
    whole = desk.ledger.occurrences(job, span, 100, None).values

    found, cursor = [], None
    for _ in range(100):
        page = desk.ledger.occurrences(job, span, limit, cursor)
        found += page.values
        cursor = page.next
        if cursor is None:
            break

    assert skipped(whole) == [day(4), day(2), day(1), day(-2)]
    assert found == whole


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.BLOCKED])
def test_a_job_that_rests_shows_nothing_ahead(desk: Desk, state: JobState) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2), day(3)))
    job = desk.store.jobs.change(job.id, None, {"state": state, "next_us": None})

    assert [row.outcome.value for row in desk.rows(job)] == ["skipped"]
    assert skipped(desk.rows(job)) == [day(-2)]


def test_a_finished_job_shows_only_what_was_written(desk: Desk) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2), day(3)))
    changes = {"state": JobState.FINISHED, "next_us": None, "seen_us": clock.now_us()}
    job = desk.store.jobs.change(job.id, None, changes)

    assert desk.rows(job) == []


def test_a_deleted_job_shows_what_was_left_out_in_its_life(desk: Desk) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2), day(3)))
    desk.store.jobs.delete(job.id)
    deleted = desk.store.jobs.get(job.id, deleted=True)
    assert deleted is not None

    assert skipped(desk.rows(deleted)) == [day(-2)]


def test_a_job_whose_calendar_is_gone_still_shows_its_past(desk: Desk) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2)))
    desk.configuration.calendars = NO_CALENDARS

    assert desk.rows(job) == []


def test_what_is_stored_is_not_shown_twice(desk: Desk) -> None:
    job = desk.add(NINE_O_CLOCK, closed(day(-2), day(-1), day(3)))
    seen_us = clock.to_us(datetime.fromisoformat(f"{day(-2)}T12:00:00Z"))
    job = desk.store.jobs.change(job.id, None, {"seen_us": seen_us})

    assert skipped(desk.rows(job)) == [day(3), day(-1)]


def test_a_planned_moment_after_a_clock_change_says_so(desk: Desk) -> None:
    job = desk.add({"cron": "30 2 29 3 *", "timezone": "Europe/Berlin"}, NO_CALENDARS)
    begin = datetime(2054, 3, 1, tzinfo=UTC)  # 29 March 2054 is the last Sunday of the month

    [row] = desk.rows(job, begin=begin, end=begin + timedelta(days=60))

    assert row.outcome.value == "planned"
    assert "02:30" in str(row.reason)


@pytest.mark.parametrize("cron", ["* * * * * *", "0 9 * * *", "0 0 29 2 *"])
def test_the_end_of_the_calendar_is_as_near_as_tomorrow(desk: Desk, cron: str) -> None:
    job = desk.add({"cron": cron, "timezone": "Europe/Berlin"}, NO_CALENDARS)
    ends = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    began = time.process_time()

    page = desk.ledger.occurrences(job, ends, 100, None)

    assert len(page.values) == 100
    assert page.next is not None
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("cron", ["* * * * * *", "0 9 * * *"])
def test_with_calendars_twenty_years_are_foreseen(desk: Desk, cron: str) -> None:
    job = desk.add({"cron": cron}, closed(day(1), day(9)))
    ends = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)

    page = desk.ledger.occurrences(job, ends, 100, None)

    assert len(page.values) == 100
    years = (page.values[0].due_at - clock.now()).days / 366
    assert 19.9 < years <= 20
