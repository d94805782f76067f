"""POST /triggers/preview: what a trigger would do, and every refusal, without a job."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.model import Role
from jobsched.web.payloads import PreviewAnswer
from tests.support.native import Native, native_api
from tests.support.web import bearer

FROM = "2026-03-27T12:00:00Z"
BERLIN = "Europe/Berlin"
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


def previewed(client: FlaskClient, **body: Any) -> dict[str, Any]:
    """Return the preview of a trigger as of FROM, unless *body* says otherwise."""
    response = client.post("/triggers/preview", json={"from": FROM, **body})
    assert response.status_code == 200, response.get_json()
    answer: dict[str, Any] = response.get_json()
    PreviewAnswer.model_validate(answer)
    return answer


def local_times(client: FlaskClient, **body: Any) -> list[str]:
    return [moment["local"] for moment in previewed(client, **body)["next"]]


def refused(client: FlaskClient, **body: Any) -> dict[str, str]:
    """Return field -> rule of everything that is refused in *body*."""
    response = client.post("/triggers/preview", json=body)
    assert response.status_code == 400, response.get_json()
    assert response.content_type == "application/problem+json"
    return {error["field"]: error["rule"] for error in response.get_json()["errors"]}


def test_the_answer_has_exactly_the_documented_shape(client: FlaskClient) -> None:
    answer = previewed(client, interval={"hours": 30}, timezone="Europe/Berlin", n=2)

    assert answer == {
        "next": [
            {
                "utc": "2026-03-28T18:00:00Z",
                "local": "2026-03-28T19:00:00+01:00",
                "note": None,
            },
            {
                "utc": "2026-03-30T00:00:00Z",
                "local": "2026-03-30T02:00:00+02:00",
                "note": None,
            },
        ],
        "skipped": [],
        "description": "Every 1 day 6 hours",
        "timezone": "Europe/Berlin",
        "trigger": {
            "interval": {"days": 1, "hours": 6},
            "timezone": "Europe/Berlin",
            "start": "2026-03-28T18:00:00Z",
        },
        "warnings": [],
    }


def test_ten_moments_from_now_on_are_what_nobody_asked_for_otherwise(client: FlaskClient) -> None:
    before = clock.now_us()

    answer = client.post("/triggers/preview", json={"interval": {"minutes": 5}}).get_json()

    assert len(answer["next"]) == 10
    first = datetime.fromisoformat(answer["next"][0]["utc"])
    assert before <= clock.to_us(first) - 300 * clock.SECOND <= clock.now_us()


@pytest.mark.parametrize(("n", "shown"), [(1, 1), (1000, 1000)])
def test_as_many_moments_are_shown_as_were_asked_for(
    client: FlaskClient, n: int, shown: int
) -> None:
    assert len(local_times(client, interval={"days": 1}, n=n)) == shown


def test_an_interval_with_a_start_begins_there(client: FlaskClient) -> None:
    times = local_times(client, interval={"days": 1}, start="2026-03-28T10:00:00Z", n=2)

    assert times == ["2026-03-28T10:00:00+00:00", "2026-03-29T10:00:00+00:00"]


def test_moments_come_strictly_after_the_beginning(client: FlaskClient) -> None:
    times = local_times(client, interval={"days": 1}, start=FROM, n=1)

    assert times == ["2026-03-28T12:00:00+00:00"]


def test_a_moment_for_right_now_is_the_beginning_itself(client: FlaskClient) -> None:
    assert local_times(client, at="2026-03-27T11:59:30Z") == ["2026-03-27T12:00:00+00:00"]


def test_fewer_moments_are_shown_when_the_trigger_ends(client: FlaskClient) -> None:
    day = {"days": 1}

    assert len(local_times(client, interval=day, count=3)) == 3
    assert len(local_times(client, interval=day, end="2026-03-29T12:00:00Z")) == 2
    assert len(local_times(client, at="2026-05-01T07:00:00Z")) == 1


def test_times_without_offset_are_read_in_the_zone_of_the_trigger(client: FlaskClient) -> None:
    answer = previewed(
        client,
        **{"from": "2026-03-28T10:00:00", "start": "2026-03-28T10:00:01"},
        interval={"days": 1},
        timezone="Asia/Tokyo",
        n=1,
    )

    assert answer["next"][0]["utc"] == "2026-03-28T01:00:01Z"


def test_the_beginning_counts_as_creation_in_every_rule(client: FlaskClient) -> None:
    past = {"from": "2011-12-01T00:00:00Z"}

    assert local_times(client, at="2011-12-24T18:00:00Z", **past) == ["2011-12-24T18:00:00+00:00"]
    assert refused(client, at="2026-03-27T11:58:00Z", **{"from": FROM}) == {"at": "past"}
    assert refused(client, interval={"days": 1}, end="2026-03-01", **{"from": FROM}) == {
        "end": "past"
    }


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


def test_a_key_that_is_null_is_not_given(client: FlaskClient) -> None:
    body = {"interval": {"days": 1}, "at": None, "timezone": None, "from": None, "n": 1}

    assert client.post("/triggers/preview", json=body).status_code == 200


@pytest.mark.parametrize(
    "trigger",
    [
        {"interval": {"hours": 30}, "count": 7, "timezone": "America/New_York"},
        {"interval": {"minutes": 90}, "start": "2026-01-01", "end": "2026-04-01", "jitter": 30},
        {"at": "2026-05-01T07:00:00", "timezone": "Europe/Berlin"},
        {"at": "2026-03-27T11:59:30Z"},
        {"cron": "*/7  2,3  *   * *", "timezone": "Europe/Berlin", "dst": "both", "count": 50},
        {"cron": {"expression": "0 0 9 13 * FRI", "dialect": "ncrontab"}, "start": "2026-05-01"},
        {"cron": "@weekly", "timezone": "America/Havana", "dst": "skip", "end": "2026-12-31"},
        {"recurrence": {"frequency": "week", "interval": 2}, "timezone": "America/New_York"},
        {
            "recurrence": {
                "frequency": "month",
                "count": 5,
                "schedule": {"monthDays": [-1, 31], "hours": 2, "minutes": [30]},
            },
            "startTime": "2026-01-01T09:15:00",
            "timezone": "Europe/Berlin",
        },
        {
            "any": [
                {"cron": "0 9 * * 1-5"},
                {"interval": {"hours": 7}, "timezone": "Asia/Tokyo"},
                {"at": "2026-03-28T10:00:00", "dst": "both"},
            ],
            "timezone": "Europe/Berlin",
            "count": 9,
        },
    ],
    ids=json.dumps,
)
def test_the_canonical_form_sent_back_gives_the_same_answer(
    client: FlaskClient, trigger: dict[str, Any]
) -> None:
    first = previewed(client, **trigger)

    assert previewed(client, **first["trigger"]) == first


WRONG: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"interval": "required"}),
    ({"interval": {"minutes": -5}}, {"interval.minutes": "positive"}),
    ({"interval": -5}, {"interval": "type"}),
    ({"cron": "0 0 30 2 *"}, {"cron": "never"}),
    ({"cron": "*/0 * * * *"}, {"cron": "range"}),
    ({"cron": "60 * * * *"}, {"cron": "range"}),
    ({"recurrence": {"frequency": "year"}}, {"recurrence.frequency": "choice"}),
    ({"any": [{"cron": "0 9 * * *"}, {"cron": "60 * * * *"}]}, {"any[1].cron": "range"}),
    (
        {"any": [{"any": []}, {"crn": 1}]},
        {"any[0].any": "one_of", "any[1].crn": "unknown", "any[1].interval": "required"},
    ),
    ({"cron": "0 9 * * *", "end": "2026-03-27T12:00:00Z", "from": FROM}, {"cron": "never"}),
    ({"interval": {"days": 1}, "timezone": "Mars/Olympus"}, {"timezone": "timezone"}),
    ({"interval": {"days": 1}, "n": 0}, {"n": "range"}),
    ({"interval": {"days": 1}, "n": 1001}, {"n": "range"}),
    ({"interval": {"days": 1}, "n": "x"}, {"n": "type"}),
    ({"interval": {"days": 1}, "n": True}, {"n": "type"}),
    ({"interval": {"days": 1}, "n": None}, {"n": "type"}),
    ({"interval": {"days": 1}, "from": "yesterday"}, {"from": "time"}),
    ({"interval": {"days": 1}, "from": 5}, {"from": "time"}),
    ({"interval": {"days": 1}, "from": "0001-01-01"}, {"from": "range"}),
    ({"interval": {"days": 1}, "from": "9999-12-31"}, {"from": "time"}),
    ({"interval": {"days": 1}, "frm": FROM}, {"frm": "unknown"}),
    ({"interval": {"days": 1}, "calendars": ["nobody"]}, {"calendars[0]": "unknown"}),
    ({"interval": {"days": 1}, "at": "2036-01-01"}, {"at": "one_of"}),
    (
        {"interval": {"days": 0}, "n": 0, "from": "x", "frm": 1, "count": 0},
        {
            "interval.days": "positive",
            "n": "range",
            "from": "time",
            "frm": "unknown",
            "count": "range",
        },
    ),
]


@pytest.mark.parametrize(("body", "expected"), WRONG, ids=str)
def test_what_is_wrong_is_told_all_at_once(
    client: FlaskClient, body: dict[str, Any], expected: dict[str, str]
) -> None:
    assert refused(client, **body) == expected


SLOW = [
    {"cron": "0 0 30 2 *"},
    {"cron": ",".join(["0"] * 200_000)},
    {"cron": "*/0 * * * *"},
    {"cron": "60 * * * *"},
    {"cron": "0 9 * * *", "timezone": "Mars/Olympus"},
    {"interval": {"minutes": -5}},
    {"cron": {"expression": "0 30 2 29-31 3 sun", "dialect": "ncrontab"}, "dst": "skip"},
]


@pytest.mark.parametrize("body", SLOW, ids=lambda body: str(body)[:40])
def test_a_refusal_takes_no_more_than_50_ms(client: FlaskClient, body: dict[str, Any]) -> None:
    best = 1.0

    for _ in range(5):
        begin = time.perf_counter()
        refused(client, **{"timezone": BERLIN, **body})
        best = min(best, time.perf_counter() - begin)

    assert best <= 0.05


def test_a_misspelt_field_is_told_with_the_nearest_one(client: FlaskClient) -> None:
    response = client.post("/triggers/preview", json={"intervall": {"days": 1}})

    assert "Did you mean 'interval'?" in response.get_json()["detail"]


@pytest.mark.parametrize(
    "body", ['{"interval": {"minutes": NaN}}', '{"interval": {"minutes": 1e999}}', "[]", "nothing"]
)
def test_what_is_no_json_object_is_refused(client: FlaskClient, body: str) -> None:
    response = client.post("/triggers/preview", data=body, content_type="application/json")

    assert response.status_code == 400
    assert response.get_json()["errors"]


def test_a_body_is_as_limited_as_elsewhere(client: FlaskClient) -> None:
    body = json.dumps({"cron": "0," * 600_000})

    response = client.post("/triggers/preview", data=body, content_type="application/json")

    assert response.status_code == 413


def test_a_viewer_may_ask_and_leaves_no_audit_row(api: Native, client: FlaskClient) -> None:
    body = {"interval": {"days": 1}}
    viewer = bearer(api.guarded.tokens.create(Role.VIEWER))

    assert client.post("/triggers/preview", json=body, headers=viewer).status_code == 200
    assert api.guarded.audit == []
    assert client.post("/triggers/preview", json=body).status_code == 401
    assert client.post("/jobs", json=body, headers=viewer).status_code == 403


def test_the_document_describes_it(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()

    operation = document["paths"]["/triggers/preview"]["post"]
    fields = document["components"]["schemas"]["PreviewRequest"]["properties"]
    assert operation["description"] == "Needs the role viewer."
    assert {"n", "from", "cron", "recurrence", "startTime", "any", "dst"} <= fields.keys()
    assert fields["n"]["maximum"] == 1000


def test_nothing_is_stored(api: Native, client: FlaskClient) -> None:
    previewed(client, interval={"days": 1})

    assert client.get("/jobs").get_json()["values"] == []
    assert api.woken == []
