"""Which moments a recurrence names: by dates of 2026 and 2027 that were checked by hand."""

import pytest

from jobsched.clock import SECOND
from jobsched.triggers import restore
from tests.unit.triggers.recurrences import NOW, dates, instant, made, moments, recurrence, shown

MINUTE = 60 * SECOND
BERLIN = "Europe/Berlin"


def test_every_two_weeks_are_counted_from_the_week_of_the_start_over_new_year() -> None:
    said = recurrence(
        frequency="week", interval=2, startTime="2026-12-23T09:00:00",
        schedule={"weekDays": ["Monday", "Friday"]},
    )  # fmt: skip

    assert dates(said) == [
        "2026-12-25", "2027-01-04", "2027-01-08", "2027-01-18", "2027-01-22",
        "2027-02-01", "2027-02-05", "2027-02-15", "2027-02-19", "2027-03-01",
    ]  # fmt: skip


def test_weeks_without_a_schedule_keep_the_weekday_of_the_start() -> None:
    said = recurrence(frequency="week", interval=2, startTime="2026-12-27T09:00:00")

    assert dates(said, 3) == ["2026-12-27", "2027-01-10", "2027-01-24"]


def test_a_week_ends_on_sunday() -> None:
    said = recurrence(
        frequency="week", interval=3, startTime="2026-12-27T09:00:00",
        schedule={"weekDays": ["sun", "MONDAY"]},
    )  # fmt: skip

    assert dates(said, 4) == ["2026-12-27", "2027-01-11", "2027-01-17", "2027-02-01"]


def test_months_from_day_31_skip_the_short_ones() -> None:
    said = recurrence(frequency="month", startTime="2026-12-31T09:00:00")

    assert dates(said) == [
        "2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31",
        "2027-08-31", "2027-10-31", "2027-12-31", "2028-01-31", "2028-03-31",
    ]  # fmt: skip


def test_the_last_friday_of_each_month() -> None:
    schedule = {"monthlyOccurrences": [{"day": "friday", "occurrence": -1}]}
    said = recurrence(frequency="month", startTime="2026-12-01T09:00:00", schedule=schedule)

    assert dates(said) == [
        "2026-12-25", "2027-01-29", "2027-02-26", "2027-03-26", "2027-04-30",
        "2027-05-28", "2027-06-25", "2027-07-30", "2027-08-27", "2027-09-24",
    ]  # fmt: skip


def test_the_first_and_the_third_monday() -> None:
    schedule = {
        "monthlyOccurrences": [
            {"day": "Monday", "occurrence": 1}, {"day": "Monday", "occurrence": 3},
        ]
    }  # fmt: skip
    said = recurrence(frequency="month", startTime="2026-12-01T09:00:00", schedule=schedule)

    assert dates(said) == [
        "2026-12-07", "2026-12-21", "2027-01-04", "2027-01-18", "2027-02-01",
        "2027-02-15", "2027-03-01", "2027-03-15", "2027-04-05", "2027-04-19",
    ]  # fmt: skip


def test_an_occurrence_without_a_number_is_each_such_weekday() -> None:
    schedule = {"monthlyOccurrences": [{"day": "Friday"}]}
    said = recurrence(
        frequency="month", interval=2, startTime="2027-01-01T09:00:00", schedule=schedule
    )

    assert dates(said, 7) == [
        "2027-01-01", "2027-01-08", "2027-01-15", "2027-01-22", "2027-01-29",
        "2027-03-05", "2027-03-12",
    ]  # fmt: skip


def test_days_of_the_month_are_counted_from_its_end_when_negative() -> None:
    said = recurrence(
        frequency="month", startTime="2027-01-01T09:00:00", schedule={"monthDays": [-1, -30, 15]}
    )

    assert dates(said) == [
        "2027-01-02", "2027-01-15", "2027-01-31", "2027-02-15", "2027-02-28",
        "2027-03-02", "2027-03-15", "2027-03-31", "2027-04-01", "2027-04-15",
    ]  # fmt: skip


def test_numbered_days_and_occurrences_together_mean_either() -> None:
    schedule = {"monthDays": 10, "monthlyOccurrences": [{"day": "Wednesday", "occurrence": 5}]}
    said = recurrence(frequency="month", startTime="2026-12-01T09:00:00", schedule=schedule)

    assert dates(said, 4) == ["2026-12-10", "2026-12-30", "2027-01-10", "2027-02-10"]


def test_hours_and_minutes_are_multiplied() -> None:
    said = recurrence(
        frequency="day", interval=2, startTime="2026-12-01T00:00:00",
        schedule={"hours": [17, 5], "minutes": [45, 15]},
    )  # fmt: skip

    assert shown(said, 5) == [
        "12-01 05:15", "12-01 05:45", "12-01 17:15", "12-01 17:45", "12-03 05:15",
    ]  # fmt: skip


def test_hours_alone_take_minute_and_second_from_the_start() -> None:
    said = recurrence(frequency="day", startTime="2026-12-01T12:25:40", schedule={"hours": [0, 13]})

    assert shown(said, 3, form="%d %H:%M:%S") == ["01 13:25:40", "02 00:25:40", "02 13:25:40"]


def test_minutes_alone_mean_every_hour() -> None:
    said = recurrence(frequency="day", startTime="2026-12-01T22:20:00", schedule={"minutes": 15})

    assert shown(said, 3) == ["12-01 23:15", "12-02 00:15", "12-02 01:15"]


def test_without_a_start_the_first_moment_is_creation_and_the_rule_goes_on_from_it() -> None:
    created = NOW + 250_000

    found = moments(recurrence(frequency="hour", interval=6), 3, created)

    assert found == [created, created + 360 * MINUTE, created + 720 * MINUTE]


def test_without_a_start_a_schedule_follows_the_moment_at_once() -> None:
    said = recurrence(frequency="day", schedule={"hours": [9, 18]}, count=3)

    assert shown(said) == ["11-21 10:00", "11-21 18:00", "11-22 09:00"]


@pytest.mark.parametrize("start", ["2015-04-07T14:00", "2015-04-05T14:00", "2015-04-01T14:00"])
def test_a_start_in_the_past_gives_the_next_moment_of_its_grid(start: str) -> None:
    said = recurrence(frequency="day", interval=2, startTime=start)

    found = moments(said, 2, instant("2015-04-08T13:00"))

    assert found == [instant("2015-04-09T14:00"), instant("2015-04-11T14:00")]


def test_a_start_in_the_past_with_a_schedule_still_counts_the_weeks() -> None:
    said = recurrence(
        frequency="week", interval=2, startTime="2026-11-09T09:00:00", schedule={"weekDays": "tue"}
    )

    assert dates(said, 2) == ["2026-11-24", "2026-12-08"]


def test_a_start_to_come_is_the_first_moment_without_a_schedule_only() -> None:
    start = "2026-12-01T09:30:00"

    plain = recurrence(frequency="day", startTime=start)
    scheduled = recurrence(frequency="day", startTime=start, schedule={"hours": 9, "minutes": 0})

    assert shown(plain, 1) == ["12-01 09:30"]
    assert shown(scheduled, 1) == ["12-02 09:00"]


def test_a_count_with_a_start_in_the_past_counts_from_creation() -> None:
    said = recurrence(frequency="day", startTime="2026-01-01T12:00:00", count=2)

    trigger = restore(made(said).stored())

    assert shown(said) == ["11-21 12:00", "11-22 12:00"]
    assert list(trigger.moments(0)) == moments(said)


def test_no_moment_comes_after_the_end_and_the_end_is_included() -> None:
    said = recurrence(
        frequency="minute", interval=30, startTime="2026-12-01T09:00:00",
        endTime="2026-12-01T10:00:00",
    )  # fmt: skip

    assert shown(said) == ["12-01 09:00", "12-01 09:30", "12-01 10:00"]


def test_the_same_is_meant_by_start_end_and_count() -> None:
    start, end = "2026-12-01T09:00:00Z", "2026-12-24T09:00:00Z"

    assert made({**recurrence(frequency="day"), "start": start, "end": end}) == made(
        recurrence(frequency="day", startTime=start, endTime=end)
    )
    assert made({**recurrence(frequency="day"), "count": 3}) == made(
        recurrence(frequency="day", count=3)
    )


def test_days_keep_their_local_time_and_hours_their_distance_when_the_clock_is_moved() -> None:
    beside = {"startTime": "2027-03-27T12:00:00", "timezone": BERLIN}

    daily = moments(recurrence(frequency="day", **beside), 2)
    hourly = moments(recurrence(frequency="hour", interval=24, **beside), 2)

    assert daily[1] - daily[0] == 23 * 60 * MINUTE
    assert hourly[1] - hourly[0] == 24 * 60 * MINUTE


def test_a_start_that_the_clock_leaps_over_keeps_its_time_on_other_days() -> None:
    said = recurrence(frequency="day", startTime="2027-03-28T02:30:00", timezone=BERLIN)

    assert shown(said, 3) == ["03-28 03:00", "03-29 02:30", "03-30 02:30"]
    assert made(said).to_json()["startTime"] == "2027-03-28T02:30:00"
    assert shown({**said, "dst": "skip"}, 2) == ["03-29 02:30", "03-30 02:30"]


def test_a_start_at_the_second_pass_of_a_time_is_a_moment() -> None:
    said = recurrence(frequency="day", startTime="2027-10-31T01:30:00Z", timezone=BERLIN)

    assert moments(said, 2) == [instant("2027-10-31T01:30"), instant("2027-11-01T01:30")]


def test_a_start_between_two_seconds_is_the_later_one() -> None:
    said = recurrence(frequency="day", startTime="2026-12-01T09:00:00.001Z")

    assert moments(said, 1) == [instant("2026-12-01T09:00:01")]


def test_hours_with_chosen_minutes_have_them_all_in_every_step() -> None:
    said = recurrence(
        frequency="hour", interval=5, startTime="2026-12-01T09:40:00",
        schedule={"minutes": [0, 15, 45]},
    )  # fmt: skip

    assert shown(said, 5) == [
        "12-01 09:45", "12-01 14:00", "12-01 14:15", "12-01 14:45", "12-01 19:00",
    ]  # fmt: skip


def test_steps_of_minutes_are_kept_in_the_chosen_local_hours() -> None:
    said = recurrence(
        frequency="minute", interval=25, startTime="2026-12-01T09:00:00",
        schedule={"hours": [9, 10]}, timezone=BERLIN,
    )  # fmt: skip

    assert shown(said, 6) == [
        "12-01 09:00", "12-01 09:25", "12-01 09:50", "12-01 10:15", "12-01 10:40", "12-02 09:10",
    ]  # fmt: skip


def test_a_limited_step_that_fits_in_summer_only_waits_for_summer() -> None:
    said = recurrence(
        frequency="minute", interval=120, startTime="2026-12-01T00:00:00Z",
        schedule={"hours": 4}, timezone=BERLIN,
    )  # fmt: skip

    assert shown(said, 2) == ["03-28 04:00", "03-29 04:00"]
