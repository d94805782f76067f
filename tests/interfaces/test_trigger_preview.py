"""POST /triggers/preview: what a trigger would do, and every refusal, without a job."""

import json
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.model import Role
from jobsched.web.payloads import PreviewAnswer
from tests.support.native import Native
from tests.support.web import bearer

FROM = "2026-03-27T12:00:00Z"


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


def test_nothing_is_stored(api: Native, client: FlaskClient) -> None:
    previewed(client, interval={"days": 1})

    assert client.get("/jobs").get_json()["values"] == []
    assert api.woken == []
