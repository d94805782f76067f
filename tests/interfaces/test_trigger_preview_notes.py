"""POST /triggers/preview: what clock changes, calendars and short months do to moments."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.native import native_api
from tests.support.previews import BERLIN, local_times, previewed

CALENDARS = """
company: {dates: [2026-04-01, 2026-04-03, 2026-04-06]}
weekends: {weekly: [{days: [sat, sun]}]}
"""


@pytest.fixture
def with_calendars(tmp_path: Path) -> Iterator[FlaskClient]:
    """Give a client of a server that knows CALENDARS."""
    folder = tmp_path / "with"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "calendars.yaml").write_text(CALENDARS, encoding="utf-8")
    with native_api(folder) as made:
        yield made.client()


def notes(answer: dict[str, Any]) -> list[str | None]:
    return [moment["note"] for moment in answer["next"]]


def skipped(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(day["date"], day["reason"]) for day in answer["skipped"]]


def test_a_moment_that_a_clock_change_moves_is_told(client: FlaskClient) -> None:
    answer = previewed(client, cron="30 2 * * *", timezone=BERLIN, n=3)

    assert [moment["local"] for moment in answer["next"]] == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert answer["next"][1]["utc"] == "2026-03-29T01:00:00Z"
    assert [note is None for note in notes(answer)] == [True, False, True]
    assert "02:30 does not exist on 2026-03-29" in str(notes(answer)[1])
    assert answer["skipped"] == []


def test_a_moment_that_a_clock_change_takes_is_skipped_when_that_is_the_rule(
    client: FlaskClient,
) -> None:
    answer = previewed(client, cron="30 2 * * *", timezone=BERLIN, dst="skip", n=2)

    assert [moment["local"][:10] for moment in answer["next"]] == ["2026-03-28", "2026-03-30"]
    assert skipped(answer) == [("2026-03-29", "gap")]
    assert "02:30 does not exist on 2026-03-29" in answer["skipped"][0]["note"]
    assert skipped(previewed(client, cron="30 2 * * *", timezone=BERLIN, dst="skip", n=1)) == []


def test_a_moment_that_a_clock_change_doubles_is_told(client: FlaskClient) -> None:
    autumn = {"from": "2026-10-24T12:00:00Z", "cron": "30 2 * * *", "timezone": BERLIN, "n": 3}

    once, both = previewed(client, **autumn), previewed(client, **autumn, dst="both")

    assert [moment["local"] for moment in once["next"]][:2] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    assert [moment["local"] for moment in both["next"]] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:30:00+01:00",
    ]
    assert [note is None for note in notes(both)] == [False, False, True]


def test_a_day_that_the_zone_leaves_out_is_skipped(client: FlaskClient) -> None:
    begin = {"from": "2011-12-29T00:00:00", "timezone": "Pacific/Apia", "n": 3}

    answer = previewed(client, cron="0 9 * * *", **begin)

    assert [moment["local"] for moment in answer["next"]] == [
        "2011-12-29T09:00:00-10:00",
        "2011-12-31T09:00:00+14:00",
        "2012-01-01T09:00:00+14:00",
    ]
    assert skipped(answer) == [("2011-12-30", "gap")]


def test_months_that_are_too_short_are_skipped(client: FlaskClient) -> None:
    answer = previewed(client, cron="0 9 31 * *", n=3)

    assert [moment["local"][:10] for moment in answer["next"]] == [
        "2026-03-31",
        "2026-05-31",
        "2026-07-31",
    ]
    assert skipped(answer) == [("2026-04", "short_month"), ("2026-06", "short_month")]
    assert answer["skipped"][0]["note"] == "April 2026 has no day 31"


def test_a_single_moment_in_a_gap_is_told(client: FlaskClient) -> None:
    answer = previewed(client, at="2026-03-29T02:30:00", timezone=BERLIN)

    [moment] = answer["next"]
    assert moment["local"] == "2026-03-29T03:00:00+02:00"
    assert moment["note"].startswith("02:30 does not exist on 2026-03-29 in Europe/Berlin")
    assert answer["description"] == "Once at 2026-03-29 03:00"


def test_days_that_a_calendar_excludes_are_skipped_and_name_it(
    with_calendars: FlaskClient,
) -> None:
    answer = previewed(
        with_calendars, cron="0 9 * * *", calendars=["company", "weekends"], timezone=BERLIN, n=3
    )

    assert [moment["local"][:10] for moment in answer["next"]] == [
        "2026-03-30",
        "2026-03-31",
        "2026-04-02",
    ]
    assert skipped(answer) == [
        ("2026-03-28", "calendar"),
        ("2026-03-29", "calendar"),
        ("2026-04-01", "calendar"),
    ]
    told = [day["note"] for day in answer["skipped"]]
    assert ["weekends" in note for note in told] == [True, True, False]
    assert "company" in told[2]


def test_a_moment_that_a_calendar_moves_is_told(with_calendars: FlaskClient) -> None:
    answer = previewed(
        with_calendars,
        cron="0 9 3 * *",
        calendars=["company", "weekends"],
        on_excluded="next",
        n=1,
    )

    assert answer["next"][0]["local"] == "2026-04-07T09:00:00+00:00"
    assert "company" in str(notes(answer)[0])


def test_looking_for_what_was_cut_takes_no_long_time(with_calendars: FlaskClient) -> None:
    leap_days: dict[str, Any] = {"cron": "0 9 29 2 *", "calendars": ["company"], "n": 1000}
    taken = []

    for _ in range(3):
        begin = time.perf_counter()
        answer = previewed(with_calendars, **leap_days)
        taken.append(time.perf_counter() - begin)

    assert answer["skipped"][-1]["note"].endswith("; later ones are not listed")
    assert min(taken) < 2


def test_nothing_is_cut_where_nothing_comes_later(with_calendars: FlaskClient) -> None:
    saturday = {"at": "2026-12-05T09:00:00Z", "calendars": ["weekends"], "on_excluded": "next"}

    [day] = previewed(with_calendars, **saturday)["skipped"]

    assert day["note"] == "calendar weekends: every Saturday; moved to 2026-12-07"


@pytest.mark.parametrize(
    ("trigger", "rules"),
    [
        ({"cron": "0 9 13 * fri"}, ["day_or_weekday"]),
        ({"cron": "0 9 13 * *"}, []),
        (
            {"cron": {"expression": "0 0 9 13 * fri", "dialect": "ncrontab"}},
            ["day_and_weekday"],
        ),
        ({"interval": {"seconds": 0.5}}, ["more_than_once_a_second"]),
        ({"interval": {"seconds": 1}}, []),
    ],
    ids=str,
)
def test_what_may_be_meant_otherwise_is_a_warning(
    client: FlaskClient, trigger: dict[str, Any], rules: list[str]
) -> None:
    warnings = previewed(client, **trigger)["warnings"]

    assert [warning["rule"] for warning in warnings] == rules
    assert all(len(warning["message"]) > 20 for warning in warnings)


def test_a_recurrence_without_a_start_begins_at_once(client: FlaskClient) -> None:
    rule = {"frequency": "day", "schedule": {"hours": [9], "minutes": [0]}}

    assert local_times(client, recurrence=rule, n=3) == [
        "2026-03-27T12:00:00+00:00",
        "2026-03-28T09:00:00+00:00",
        "2026-03-29T09:00:00+00:00",
    ]
    assert local_times(client, recurrence={**rule, "count": 1}) == ["2026-03-27T12:00:00+00:00"]


def test_several_triggers_are_shown_in_one_order_and_one_zone(client: FlaskClient) -> None:
    weekdays = {"cron": "0 9 * * 1-5"}
    everyday = {"cron": "0 16 * * *", "timezone": "Asia/Tokyo"}  # 9 in Berlin's summer
    short = {"cron": "0 12 31 * *"}

    answer = previewed(client, any=[weekdays, everyday, short], timezone=BERLIN, count=6)

    assert [moment["local"] for moment in answer["next"]] == [
        "2026-03-28T08:00:00+01:00",
        "2026-03-29T09:00:00+02:00",
        "2026-03-30T09:00:00+02:00",
        "2026-03-31T09:00:00+02:00",
        "2026-03-31T12:00:00+02:00",
        "2026-04-01T09:00:00+02:00",
    ]


def test_rare_moments_are_found_and_what_they_skip_is_bounded(client: FlaskClient) -> None:
    answer = previewed(client, cron="0 9 29 2 *", n=1000)

    assert len(answer["next"]) == 1000
    assert answer["next"][0]["local"][:10] == "2028-02-29"
    assert answer["next"][-1]["local"] > "6000"
    # 100 Februaries, less 24 with a day 29 (2100 has none)
    assert len(answer["skipped"]) == 76
    assert answer["skipped"][-1]["note"].endswith("; later ones are not listed")
