"""POST /triggers/preview: every refusal, all of them at once and soon."""

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.previews import BERLIN, FROM, refused

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
    ({"cron": "0 9 * * *", "end": "2026-03-27T12:00:00Z", "from": FROM}, {"end": "never"}),
    ({"interval": {"days": 1}, "timezone": "Mars/Olympus"}, {"timezone": "timezone"}),
    ({"interval": {"days": 1}, "n": 0}, {"n": "range"}),
    ({"interval": {"days": 1}, "n": 1001}, {"n": "range"}),
    ({"interval": {"days": 1}, "n": "x"}, {"n": "type"}),
    ({"interval": {"days": 1}, "n": True}, {"n": "type"}),
    ({"interval": {"days": 1}, "from": "yesterday"}, {"from": "time"}),
    ({"interval": {"days": 1}, "from": 5}, {"from": "time"}),
    ({"interval": {"days": 1}, "from": "0001-01-01"}, {"from": "range"}),
    ({"interval": {"days": 1}, "from": "9999-12-31"}, {"from": "range"}),
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
