"""POST /triggers/preview: its shape, its moments and its canonical form, without a job."""

import json
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.model import Role
from tests.support.native import Native
from tests.support.previews import FROM, local_times, previewed, refused
from tests.support.web import bearer


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


def test_a_key_that_is_null_is_not_given(client: FlaskClient) -> None:
    body = {"interval": {"days": 1}, "at": None, "timezone": None, "from": None, "n": None}

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
