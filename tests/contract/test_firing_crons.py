"""Schedules by the clock on each database: after a long rest, a clock change, a clock gone back."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from jobsched.clock import SECOND, from_us, to_us
from jobsched.model import Job, JobState, Policy
from jobsched.storage import Store
from tests.support.firing import Moment, Scheduling

MANY = Policy(max_instances=999)
DAY = 86_400.0


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text + "+00:00"))


@pytest.fixture
def scheduling(store: Store) -> Iterator[Scheduling]:
    scheduling = Scheduling(store, Moment(at("2026-03-28T12:00:00")))
    yield scheduling
    scheduling.firer.leader.resign()


def _add(scheduling: Scheduling, **trigger: Any) -> Job:
    return scheduling.add({"timezone": "Europe/Berlin", **trigger}, policy=MANY)


def _go_on(scheduling: Scheduling, job: Job, times: int) -> None:
    """Let the clock go to the job's next moment, so many times."""
    for _ in range(times):
        found = scheduling.job(job).next_run
        assert found is not None
        scheduling.moment.us = to_us(found)
        scheduling.fire()


def test_a_month_of_seconds_that_nobody_fired_is_counted(scheduling: Scheduling) -> None:
    jobs = [_add(scheduling, cron="* * * * * *") for _ in range(20)]

    scheduling.fire(30 * DAY)

    for job in jobs:
        assert scheduling.outcomes(job) == [
            ("missed", 30 * 86_400 - 301), ("coalesced", 300), ("ran", 1),
        ]  # fmt: skip
        assert scheduling.job(job).next_run == from_us(scheduling.moment.us + SECOND)


def test_half_past_two_on_the_day_without_one(scheduling: Scheduling) -> None:
    once = _add(scheduling, cron="30 2 * * *")
    skip = _add(scheduling, cron="30 2 * * *", dst="skip")

    _go_on(scheduling, once, 2)

    assert [due for _, due, _ in scheduling.runs(once)] == [
        at("2026-03-29T01:00:00"), at("2026-03-30T00:30:00"),
    ]  # fmt: skip
    [gap, ran] = scheduling.ledger(skip)
    assert (gap.outcome.value, ran.outcome.value) == ("skipped", "ran")
    assert "02:30" in str(gap.reason)
    assert ran.due_at == from_us(at("2026-03-30T00:30:00"))
    assert gap.due_at < from_us(at("2026-03-29T02:00:00"))


def test_an_hour_that_comes_twice_fires_a_fixed_time_once(scheduling: Scheduling) -> None:
    scheduling.moment.us = at("2026-10-24T12:00:00")
    once = _add(scheduling, cron="30 2 * * *")
    both = _add(scheduling, cron="30 2 * * *", dst="both")

    _go_on(scheduling, both, 3)

    passes = [at("2026-10-25T00:30:00"), at("2026-10-25T01:30:00"), at("2026-10-26T01:30:00")]
    assert [due for _, due, _ in scheduling.runs(both)] == passes
    assert [due for _, due, _ in scheduling.runs(once)] == [passes[0], passes[2]]


@pytest.mark.parametrize("given", [{}, {"count": 30}], ids=["plain", "counted"])
def test_after_a_clock_gone_back_nothing_fires_twice(
    scheduling: Scheduling, given: dict[str, int]
) -> None:
    job = _add(scheduling, cron="*/10 * * * *", **given)
    _go_on(scheduling, job, 6)
    began = at("2026-03-28T12:00:00")

    scheduling.fire(-3600)
    assert scheduling.job(job).next_run == from_us(scheduling.moment.us + 600 * SECOND)
    _go_on(scheduling, job, 8)

    dues = [due for _, due, _ in scheduling.runs(job)]
    assert sorted(dues) == sorted({*dues}) == [began + n * 600 * SECOND for n in range(1, 9)]


def test_a_count_does_not_wait_for_the_old_time_and_keeps_what_is_left(
    scheduling: Scheduling,
) -> None:
    job = _add(scheduling, cron="*/10 * * * *", count=3)
    _go_on(scheduling, job, 1)

    scheduling.fire(-2 * 3600)
    assert scheduling.job(job).next_run == from_us(scheduling.moment.us + 600 * SECOND)
    _go_on(scheduling, job, 11 + 1 + 2)

    # Eleven came before the first, which ran already; two were left.
    assert scheduling.job(job).state is JobState.FINISHED
    dues = [due for _, due, _ in scheduling.runs(job)]
    assert len(dues) == len({*dues})
    assert max(dues) == at("2026-03-28T12:30:00")


def test_a_one_time_job_stays_as_finished_with_its_moment(scheduling: Scheduling) -> None:
    job = _add(scheduling, at="2026-03-28T14:00:00")

    _go_on(scheduling, job, 1)

    done = scheduling.job(job)
    assert (done.state, done.next_run) == (JobState.FINISHED, None)
    assert scheduling.outcomes(job) == [("ran", 1)]
