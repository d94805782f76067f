"""Schedules by the clock under everything that delays them: each moment told of exactly once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from jobsched.clock import SECOND, to_us
from jobsched.model import CatchUp, Misfire
from jobsched.scheduling.omitting import omitted, with_omitted
from jobsched.scheduling.planning import Pause, Plan, default_grace, plan, resume
from jobsched.triggers import Trigger, parse
from tests.support.closed_days import closed

DAY = 86_400 * SECOND
NO_GRACE = Misfire(grace=None)


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text + "+00:00"))


def trigger(created: str, **given: Any) -> Trigger:
    """Return the trigger in Berlin of a job created at *created* UTC."""
    calendars = given.pop("known", {})
    data = {"timezone": "Europe/Berlin", **given}
    return parse(data, created_us=at(created), calendars=calendars)


def told(plan: Plan) -> list[tuple[str, int, int]]:
    """Return outcome, count and first moment of the entries, by time."""
    found = [(entry.outcome.value, entry.count, entry.due_us) for entry in plan.entries]
    return sorted(found, key=lambda entry: entry[2])


@pytest.mark.parametrize(
    "given",
    [
        {"cron": "0 9 * * *"},
        {"recurrence": {"frequency": "day", "schedule": {"hours": [9]}}},
        {"any": [{"cron": "0 9 * * *"}, {"cron": "0 18 * * *"}]},
    ],
    ids=["cron", "recurrence", "any"],
)
def test_the_usual_grace_of_schedules_by_the_clock_is_five_minutes(
    given: Mapping[str, Any],
) -> None:
    assert default_grace(trigger("2026-01-01T00:00:00", **given)) == 300.0


def test_thirty_days_of_every_second_are_two_entries_and_a_run() -> None:
    created = at("2026-03-01T00:00:00")
    every_second = trigger("2026-03-01T00:00:00", cron="* * * * * *")

    done = plan(every_second, Misfire(grace=300), created + SECOND, created + 30 * DAY)

    # 1 March to 31 March with the clock put forward: seconds are elapsed time all the same.
    assert told(done) == [
        ("missed", 30 * 86_400 - 301, created + SECOND),
        ("coalesced", 300, created + 30 * DAY - 300 * SECOND),
    ]
    assert done.due == (created + 30 * DAY,)
    assert done.next_us == created + 30 * DAY + SECOND


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_week_of_nine_oclock_is_told_moment_by_moment(catch_up: CatchUp) -> None:
    daily = trigger("2026-03-25T12:00:00", cron="0 9 * * *")
    due, now = at("2026-03-26T08:00:00"), at("2026-04-01T07:04:00")

    done = plan(daily, Misfire(grace=300, catch_up=catch_up), due, now)

    runs = [] if catch_up is CatchUp.NONE else [at("2026-04-01T07:00:00")]
    assert [*done.due] == runs
    assert sum(count for _, count, _ in told(done)) + len(runs) == 7
    assert told(done)[0] == ("missed", 6, due)
    assert done.next_us == at("2026-04-02T07:00:00")


def test_a_count_ends_the_schedule_also_when_its_moments_were_missed() -> None:
    thrice = trigger("2026-01-01T00:00:00", cron="0 9 * * *", count=3)

    done = plan(thrice, Misfire(grace=300), at("2026-01-01T08:00:00"), at("2026-01-09T00:00:00"))

    assert (told(done), done.next_us) == ([("missed", 3, at("2026-01-01T08:00:00"))], None)


def test_an_end_includes_its_own_moment() -> None:
    ending = trigger("2026-01-01T00:00:00", cron="0 9 * * *", end="2026-01-03T09:00:00")

    done = plan(ending, NO_GRACE, at("2026-01-01T08:00:00"), at("2026-01-09T00:00:00"))

    assert (told(done), done.due, done.next_us) == (
        [("coalesced", 2, at("2026-01-01T08:00:00"))], (at("2026-01-03T08:00:00"),), None,
    )  # fmt: skip


def test_a_start_in_the_future_is_waited_for() -> None:
    later = trigger("2026-01-01T00:00:00", cron="0 9 * * *", start="2026-02-01T09:00:00")

    assert later.first(at("2026-01-01T00:00:00")) == at("2026-02-01T08:00:00")


def test_jitter_leaves_the_moments_where_they_are() -> None:
    plain = trigger("2026-01-01T00:00:00", cron="0 9 * * *")
    jittered = trigger("2026-01-01T00:00:00", cron="0 9 * * *", jitter=300)
    due, now = at("2026-01-01T08:00:00"), at("2026-01-05T08:00:10")

    assert plan(jittered, NO_GRACE, due, now) == plan(plain, NO_GRACE, due, now)


def test_a_time_in_the_gap_that_is_skipped_is_told_when_it_would_have_been() -> None:
    skipping = trigger("2026-03-28T12:00:00", cron="30 2 * * *", dst="skip")
    created, next_us = at("2026-03-28T12:00:00"), at("2026-03-30T00:30:00")

    done = with_omitted(skipping, plan(skipping, NO_GRACE, next_us, next_us), created, next_us)

    assert skipping.first(created) == next_us
    [entry] = done.entries
    assert at("2026-03-29T00:00:00") <= entry.due_us <= at("2026-03-29T02:00:00")
    assert (entry.outcome.value, entry.count) == ("skipped", 1)
    assert "02:30" in str(entry.reason)
    assert done.seen_us == next_us


def test_a_day_that_a_calendar_closes_is_one_entry_for_all_its_moments() -> None:
    known = closed("2026-12-24", "2026-12-25")
    hourly = trigger("2026-12-23T12:00:00", cron="0 * * * *", calendars=["holidays"], known=known)
    created, opens = at("2026-12-23T12:00:00"), at("2026-12-25T23:00:00")

    assert hourly.next_after(at("2026-12-23T22:00:00")) == opens
    entries, seen_us = omitted(hourly, created, opens)

    assert [(entry.due_us, entry.last_us, entry.count) for entry in entries] == [
        (at("2026-12-23T23:00:00"), at("2026-12-24T22:00:00"), 24),
        (at("2026-12-24T23:00:00"), at("2026-12-25T22:00:00"), 24),
    ]
    assert seen_us == opens


def test_a_pause_over_a_closed_day_counts_only_what_would_have_run() -> None:
    known = closed("2026-12-24")
    daily = trigger("2026-12-20T12:00:00", cron="0 9 * * *", calendars=["holidays"], known=known)
    since, end = at("2026-12-23T00:00:00"), at("2026-12-26T00:00:00")

    resumed = resume(daily, Pause(since_us=since, end_us=end, reason="paused by ada"))
    done = with_omitted(daily, resumed, since, end)

    assert told(done) == [
        ("skipped", 2, at("2026-12-23T08:00:00")),
        ("skipped", 1, at("2026-12-24T08:00:00")),
    ]
    assert done.next_us == at("2026-12-26T08:00:00")


def test_years_of_closed_days_are_told_piece_by_piece() -> None:
    days = [f"{year}-{month:02}-{day:02}" for year in (2026, 2027, 2028) for month in range(1, 13)
            for day in range(1, 29)]  # fmt: skip
    daily = trigger(
        "2026-01-01T12:00:00", cron="0 9 * * *", calendars=["holidays"], known=closed(*days)
    )

    first, seen_us = omitted(daily, at("2026-01-01T12:00:00"), at("2029-01-01T00:00:00"))
    rest, _ = omitted(daily, seen_us, at("2029-01-01T00:00:00"))

    assert len(first) == 1000
    assert len({entry.due_us for entry in first + rest}) == len(first) + len(rest) == 3 * 336 - 1


def test_what_never_omits_anything_is_left_alone() -> None:
    daily = trigger("2026-01-01T12:00:00", cron="0 9 * * *")
    planned = Plan(next_us=None)

    assert with_omitted(daily, planned, 0, at("2026-02-01T00:00:00")) is planned
