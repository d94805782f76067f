"""The schedule dialog of the portal, P10-P20 of seed 004, through the preview of the API.

The expected days were counted on a calendar: 1 May 2026 and 1 January 2027 are Fridays, 2028 is a
leap year; Berlin's clocks leap from 02:00 to 03:00 on 29 March and fall back on 25 October 2026.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from tests.support.native import iso
from tests.support.server import Server
from tests.support.waiting import until

BERLIN = "Europe/Berlin"


def previewed(client: FlaskClient, begin: str, **trigger: Any) -> dict[str, Any]:
    """Return the preview of the next ten moments of *trigger* as of *begin*."""
    response = client.post("/triggers/preview", json={"from": begin, **trigger})
    assert response.status_code == 200, response.get_json()
    answer: dict[str, Any] = response.get_json()
    return answer


def times(client: FlaskClient, begin: str, **trigger: Any) -> list[str]:
    """Return the local times of the preview without their offsets."""
    return [moment["local"][:16] for moment in previewed(client, begin, **trigger)["next"]]


def days(client: FlaskClient, begin: str, **trigger: Any) -> list[str]:
    return [time[:10] for time in times(client, begin, **trigger)]


def test_P10_a_schedule_is_one_time_or_recurring(client: FlaskClient) -> None:
    recurring = {"recurrence": {"frequency": "day"}, "startTime": "2026-05-01T08:00:00Z"}

    assert times(client, "2026-04-30", at="2026-05-01T08:00:00Z") == ["2026-05-01T08:00"]
    assert len(times(client, "2026-04-30", **recurring)) == 10


def test_P11_starting_now_is_one_moment_at_once_and_then_the_rule(client: FlaskClient) -> None:
    daily = {"frequency": "day", "schedule": {"hours": [9], "minutes": [30]}}

    answer = times(client, "2026-05-01T08:00:00Z", recurrence=daily)

    assert answer[:3] == ["2026-05-01T08:00", "2026-05-01T09:30", "2026-05-02T09:30"]


def test_P11_starting_later_is_at_that_time(client: FlaskClient) -> None:
    start = {"startTime": "2026-05-10T14:00:00Z"}
    scheduled = {"frequency": "day", "schedule": {"hours": [9]}}

    plain = times(client, "2026-05-01", recurrence={"frequency": "day"}, **start)
    first = times(client, "2026-05-01", recurrence=scheduled, **start)

    assert plain[:2] == ["2026-05-10T14:00", "2026-05-11T14:00"]
    assert first[:2] == ["2026-05-11T09:00", "2026-05-12T09:00"]


def test_P11_a_start_in_the_past_goes_on_in_its_own_rhythm(client: FlaskClient) -> None:
    every_other_day = {"frequency": "day", "interval": 2}

    answer = times(
        client,
        "2015-04-08T13:00:00Z",
        recurrence=every_other_day,
        startTime="2015-04-07T14:00:00Z",
    )

    assert answer[:2] == ["2015-04-09T14:00", "2015-04-11T14:00"]


RHYTHMS: list[tuple[str, int, str, list[str]]] = [
    (
        "minute",
        45,
        "2026-12-31T22:30:00",
        [
            "12-31T22:30", "12-31T23:15", "01-01T00:00", "01-01T00:45", "01-01T01:30",
            "01-01T02:15", "01-01T03:00", "01-01T03:45", "01-01T04:30", "01-01T05:15",
        ],
    ),
    (  # hours are elapsed time: on 25 October one has 6 hours between 02:00 and 07:00
        "hour",
        6,
        "2026-10-24T20:00:00",
        [
            "10-24T20:00", "10-25T02:00", "10-25T07:00", "10-25T13:00", "10-25T19:00",
            "10-26T01:00", "10-26T07:00", "10-26T13:00", "10-26T19:00", "10-27T01:00",
        ],
    ),
    (  # days are local times: the one in the gap of 29 March is the first instant after it
        "day",
        3,
        "2026-03-23T02:30:00",
        [
            "03-23T02:30", "03-26T02:30", "03-29T03:00", "04-01T02:30", "04-04T02:30",
            "04-07T02:30", "04-10T02:30", "04-13T02:30", "04-16T02:30", "04-19T02:30",
        ],
    ),
    (
        "week",
        1,
        "2026-11-25T09:00:00",
        [
            "11-25T09:00", "12-02T09:00", "12-09T09:00", "12-16T09:00", "12-23T09:00",
            "12-30T09:00", "01-06T09:00", "01-13T09:00", "01-20T09:00", "01-27T09:00",
        ],
    ),
    (
        "month",
        5,
        "2026-05-15T07:45:00",
        [
            "05-15T07:45", "10-15T07:45", "03-15T07:45", "08-15T07:45", "01-15T07:45",
            "06-15T07:45", "11-15T07:45", "04-15T07:45", "09-15T07:45", "02-15T07:45",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("frequency", "interval", "start", "expected"), RHYTHMS)
def test_P12_it_recurs_every_few_minutes_hours_days_weeks_or_months(
    client: FlaskClient, frequency: str, interval: int, start: str, expected: list[str]
) -> None:
    rule = {"frequency": frequency, "interval": interval}

    answer = times(client, "2026-01-01", recurrence=rule, startTime=start, timezone=BERLIN)

    assert [time[5:] for time in answer] == expected


def test_P12_the_moment_that_a_clock_change_moves_is_told(client: FlaskClient) -> None:
    every_third = {"frequency": "day", "interval": 3}

    answer = previewed(
        client,
        "2026-01-01",
        recurrence=every_third,
        startTime="2026-03-23T02:30:00",
        timezone=BERLIN,
    )

    assert [bool(moment["note"]) for moment in answer["next"][:4]] == [False, False, True, False]


@pytest.mark.parametrize(("end", "last"), [("08:00:00", 5), ("07:59:59", 4)])
def test_P13_nothing_happens_after_the_end(client: FlaskClient, end: str, last: int) -> None:
    daily = {"frequency": "day", "endTime": f"2026-05-05T{end}Z"}

    answer = days(client, "2026-04-30", recurrence=daily, startTime="2026-05-01T08:00:00Z")

    assert answer == [f"2026-05-0{day}" for day in range(1, last + 1)]


def test_P14_weeks_have_only_the_chosen_weekdays(client: FlaskClient) -> None:
    schedule = {"weekDays": ["monday", "Thursday", "SATURDAY"], "hours": [9], "minutes": [30]}

    answer = times(
        client,
        "2026-04-30",
        recurrence={"frequency": "week", "schedule": schedule},
        startTime="2026-05-01T00:00:00",
        timezone=BERLIN,
    )

    dates = ("02", "04", "07", "09", "11", "14", "16", "18", "21", "23")
    assert answer == [f"2026-05-{day}T09:30" for day in dates]


def monthly(client: FlaskClient, start: str, interval: int = 1, **schedule: Any) -> list[str]:
    """Return the days of a monthly schedule at 06:00 from *start* on."""
    rule = {"frequency": "month", "interval": interval, "schedule": {"hours": [6], **schedule}}
    return days(client, "2026-01-01", recurrence=rule, startTime=start)


def test_P15_months_have_the_numbered_days(client: FlaskClient) -> None:
    assert monthly(client, "2026-05-02", monthDays=[1, 15, -1]) == [
        "2026-05-15", "2026-05-31", "2026-06-01", "2026-06-15", "2026-06-30",
        "2026-07-01", "2026-07-15", "2026-07-31", "2026-08-01", "2026-08-15",
    ]  # fmt: skip


def test_P15_negative_days_count_from_the_end_of_the_month(client: FlaskClient) -> None:
    assert monthly(client, "2028-01-01", monthDays=[-1, -2]) == [
        "2028-01-30", "2028-01-31", "2028-02-28", "2028-02-29", "2028-03-30",
        "2028-03-31", "2028-04-29", "2028-04-30", "2028-05-30", "2028-05-31",
    ]  # fmt: skip


def test_P16_months_have_every_chosen_weekday(client: FlaskClient) -> None:
    every_friday = [{"day": "Friday"}]

    assert monthly(client, "2026-05-01", 2, monthlyOccurrences=every_friday) == [
        "2026-05-01", "2026-05-08", "2026-05-15", "2026-05-22", "2026-05-29",
        "2026-07-03", "2026-07-10", "2026-07-17", "2026-07-24", "2026-07-31",
    ]  # fmt: skip


def test_P17_the_first_and_the_third_monday(client: FlaskClient) -> None:
    chosen = [{"day": "monday", "occurrence": 1}, {"day": "monday", "occurrence": 3}]

    assert monthly(client, "2026-05-01", monthlyOccurrences=chosen) == [
        "2026-05-04", "2026-05-18", "2026-06-01", "2026-06-15", "2026-07-06",
        "2026-07-20", "2026-08-03", "2026-08-17", "2026-09-07", "2026-09-21",
    ]  # fmt: skip


def test_P17_the_last_friday(client: FlaskClient) -> None:
    assert monthly(
        client, "2026-05-01", monthlyOccurrences=[{"day": "friday", "occurrence": -1}]
    ) == [
        "2026-05-29", "2026-06-26", "2026-07-31", "2026-08-28", "2026-09-25",
        "2026-10-30", "2026-11-27", "2026-12-25", "2027-01-29", "2027-02-26",
    ]  # fmt: skip


def test_P17_the_fifth_thursday_skips_the_months_that_have_four(client: FlaskClient) -> None:
    fifth = {"hours": [6], "monthlyOccurrences": [{"day": "thursday", "occurrence": 5}]}

    answer = previewed(
        client,
        "2026-05-01",
        recurrence={"frequency": "month", "schedule": fifth},
        startTime="2026-05-01",
    )

    assert [moment["local"][:10] for moment in answer["next"]] == [
        "2026-07-30", "2026-10-29", "2026-12-31", "2027-04-29", "2027-07-29",
        "2027-09-30", "2027-12-30", "2028-03-30", "2028-06-29", "2028-08-31",
    ]  # fmt: skip
    assert [skipped["date"] for skipped in answer["skipped"]] == [
        "2026-05", "2026-06", "2026-08", "2026-09", "2026-11", "2027-01",
        "2027-02", "2027-03", "2027-05", "2027-06", "2027-08", "2027-10",
        "2027-11", "2028-01", "2028-02", "2028-04", "2028-05", "2028-07",
    ]  # fmt: skip


def test_P18_a_one_time_job_runs_once_and_stays_in_the_list_as_finished(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        moment = iso(clock.now() + timedelta(seconds=1))
        body = {"task": "example", "name": "once", "at": moment}
        job = server.post("/jobs", json=body).headers["Location"].removeprefix(server.url)

        (run,) = server.finished(job)
        until(lambda: server.get(job).json()["state"] == "finished")

        (listed,) = server.get("/jobs").json()["values"]
        assert (listed["state"], listed["next_run"], listed["at"]) == ("finished", None, moment)
        assert (run["due_at"], run["outcome"]) == (moment, "succeeded")
        outcomes = [row["outcome"] for row in server.get(f"{job}/occurrences").json()["values"]]
        assert outcomes == ["ran"]
        assert len(server.runs(job)) == 1


def test_P19_every_second_week_goes_on_over_new_year(client: FlaskClient) -> None:
    answer = days(
        client,
        "2026-12-01",
        recurrence={"frequency": "week", "interval": 2},
        startTime="2026-12-21T08:00:00",
        timezone=BERLIN,
    )

    assert answer == [
        "2026-12-21", "2027-01-04", "2027-01-18", "2027-02-01", "2027-02-15",
        "2027-03-01", "2027-03-15", "2027-03-29", "2027-04-12", "2027-04-26",
    ]  # fmt: skip


def test_P19_weeks_are_counted_from_the_monday_before_the_start(client: FlaskClient) -> None:
    schedule = {"weekDays": ["monday", "friday"], "hours": [8], "minutes": [0]}

    answer = days(
        client,
        "2026-12-01",
        recurrence={"frequency": "week", "interval": 2, "schedule": schedule},
        startTime="2026-12-23T08:00:00",
        timezone=BERLIN,
    )

    assert answer == [
        "2026-12-25", "2027-01-04", "2027-01-08", "2027-01-18", "2027-01-22",
        "2027-02-01", "2027-02-05", "2027-02-15", "2027-02-19", "2027-03-01",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "start"),
    [({"schedule": {"monthDays": [31]}}, "2026-01-01T08:00:00Z"), ({}, "2026-01-31T08:00:00Z")],
)
def test_P20_day_31_skips_short_months_and_says_so(
    client: FlaskClient, schedule: dict[str, Any], start: str
) -> None:
    rule = {"frequency": "month", **schedule}

    answer = previewed(client, "2026-01-01", recurrence=rule, startTime=start)

    assert [moment["local"][:16] for moment in answer["next"]] == [
        f"{day}T08:00"
        for day in (
            "2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31",
            "2026-10-31", "2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31",
        )
    ]  # fmt: skip
    assert [(skipped["date"], skipped["reason"]) for skipped in answer["skipped"]] == [
        (month, "short_month")
        for month in ("2026-02", "2026-04", "2026-06", "2026-09", "2026-11", "2027-02", "2027-04")
    ]
