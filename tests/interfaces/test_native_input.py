"""The native API: a wrong job is refused with its fields named; nothing changes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.native import Native, fields_of, native_api

NOWHERE = "/jobs/00000000-0000-4000-8000-000000000000"
GOOD: dict[str, Any] = {"task": "example", "name": "fake", "interval": {"seconds": 1}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    with native_api(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture
def client(api: Native) -> FlaskClient:
    return api.client()


def without(*names: str, **more: object) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name not in names} | more


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (without("task"), ["task"]),
        (without("name"), ["name"]),
        (without("interval"), ["interval"]),
        (without(task=""), ["task"]),
        (without(name=""), ["name"]),
        (without(task=None), ["task"]),
        (without(name=7), ["name"]),
        (without(interval=None), ["interval"]),
        (without(interval={}), ["interval"]),
        (without(interval=5), ["interval"]),
        (without(interval=[]), ["interval"]),
        (without(interval="0:00:01"), ["interval"]),
        (without(interval={"second": 1}), ["interval"]),
        (without(interval={"seconds": "1"}), ["interval.seconds"]),
        (without(interval={"seconds": None}), ["interval.seconds"]),
        (without(interval={"seconds": True}), ["interval.seconds"]),
        (without(interval={"seconds": 0}), ["interval.seconds"]),
        (without(interval={"seconds": -1}), ["interval.seconds"]),
        (without(interval={"minutes": 1, "seconds": -60}), ["interval"]),
        (without(interval={"weeks": 1e300}), ["interval.weeks"]),
        (without(interval={"weeks": 10**18}), ["interval.weeks"]),
    ],
)
def test_J24_a_malformed_request_names_its_field(
    client: FlaskClient, body: dict[str, Any], fields: list[str]
) -> None:
    assert fields_of(client.post("/jobs", json=body)) == fields


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "3", '"a"', "\xff", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 9999],
)
def test_J24_what_is_no_json_object_is_refused(client: FlaskClient, text: str) -> None:
    raw = text.encode("latin-1")

    response = client.post("/jobs", data=raw, content_type="application/json")

    assert fields_of(response)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_J24_another_content_type_is_refused(client: FlaskClient, media_type: str | None) -> None:
    response = client.post("/jobs", data=json.dumps(GOOD), content_type=media_type)

    assert fields_of(response) == ["Content-Type"]


def test_J25_unknown_keys_beside_a_known_one_are_ignored(client: FlaskClient) -> None:
    body = without(interval={"seconds": 1, "fortnights": "two"})

    assert client.post("/jobs", json=body).status_code == 202


def test_J26_an_unknown_task_is_404(client: FlaskClient) -> None:
    response = client.post("/jobs", json=without(task="nope"))

    assert response.status_code == 404
    assert response.get_json()["description"] == "There is no task named 'nope' in the catalog."


@pytest.mark.parametrize("path", [NOWHERE, "/jobs/nonsense", "/jobs/1", "/jobs/" + "a" * 3000])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_J27_an_unknown_job_is_404(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, json={} if method == "PUT" else None)

    assert response.status_code == 404
    assert response.get_json()["description"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"nam": "x"}, ["nam"]),
        ({"cron": "60 * * * *", "interval": None}, ["cron"]),
        ({"recurrence": {}, "interval": None}, ["recurrence.frequency"]),
        ({"any": [], "interval": None}, ["any"]),
        ({"calendars": []}, ["calendars"]),
        ({"dst": "twice"}, ["dst"]),
        ({"health": {}}, ["health"]),
        ({"mode": "continuous"}, ["interval"]),
        ({"mode": "triggered"}, ["interval"]),
        ({"at": "2099-01-01T00:00:00Z"}, ["at"]),
        ({"at": "2020-01-01T00:00:00Z", "interval": None}, ["at"]),
        ({"at": "tomorrow", "interval": None}, ["at"]),
        ({"at": 5, "interval": None}, ["at"]),
        ({"start": "noon"}, ["start"]),
        ({"end": "2020-01-01T00:00:00Z"}, ["end"]),
        ({"count": 0}, ["count"]),
        ({"count": 1.5}, ["count"]),
        ({"jitter": -1}, ["jitter"]),
        ({"timezone": "Nowhere/Land"}, ["timezone"]),
        ({"timezone": "../../etc/passwd"}, ["timezone"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": "n" * 201}, ["name"]),
        ({"params": []}, ["params"]),
        ({"params": {"whom": 1}}, ["params.whom"]),
        ({"params": {"who": "x" * 70_000}}, ["params"]),
        ({"group": "no spaces"}, ["group"]),
        ({"tags": ["", "b"]}, ["tags[0]"]),
        ({"tags": "a"}, ["tags"]),
        ({"description": 1}, ["description"]),
        ({"queue": "-x"}, ["queue"]),
        ({"priority": 101}, ["priority"]),
        ({"priority": True}, ["priority"]),
        ({"max_instances": 0}, ["max_instances"]),
        ({"overlap": "wait"}, ["overlap"]),
        ({"misfire": {"grace": -1, "catchup": "all"}}, ["misfire.grace", "misfire.catchup"]),
        ({"timeout": "60"}, ["timeout"]),
        ({"timeout": -1}, ["timeout"]),
        ({"idle_timeout": 1e99}, ["idle_timeout"]),
        ({"grace": -0.5}, ["grace"]),
        ({"retries": {"max": -1, "exit_codes": [256]}}, ["retries.max", "retries.exit_codes[0]"]),
        ({"retries": {"exit_codes": [0]}}, ["retries.exit_codes[0]"]),
        ({"retries": 3}, ["retries"]),
        ({"retries": {"exceptions": "OSError"}}, ["retries.exceptions"]),
        (
            {"retries": {"exceptions": ["a b", "OSError", "a..b"]}},
            ["retries.exceptions[0]", "retries.exceptions[2]"],
        ),
        ({"on_lost": "ignore"}, ["on_lost"]),
        ({"history": 0}, ["history"]),
        ({"env": {"1A": "x"}}, ["env"]),
        ({"env": {"JOBSCHED_RUN_ID": "x"}}, ["env"]),
        ({"env": {"A": 1}}, ["env.A"]),
        ({"run_as": "a b"}, ["run_as"]),
        ({"detach": "yes"}, ["detach"]),
        ({"paused": 1}, ["paused"]),
    ],
)
def test_a_wrong_field_is_named_when_scheduling_and_changing(
    api: Native, client: FlaskClient, changes: dict[str, Any], fields: list[str]
) -> None:
    path = api.schedule()
    before = client.get(path).get_json()
    total = len(client.get("/jobs").get_json()["values"])

    made = client.post("/jobs", json={**GOOD, **changes})

    assert sorted(fields_of(made)) == sorted(fields)
    assert len(client.get("/jobs").get_json()["values"]) == total
    if changes.keys() & {"at", "cron", "mode"}:
        return  # these are fine as changes: they replace the interval
    changed = client.put(path, json=changes)
    assert sorted(fields_of(changed)) == sorted(fields)
    assert client.get(path).get_json() == before


def test_all_mistakes_are_told_at_once(client: FlaskClient) -> None:
    body = {
        "task": "example",
        "nme": "x",
        "interval": {"seconds": "x", "hours": None},
        "end": "never",
        "params": {"whoo": 1},
        "retries": {"mx": 1},
        "timeout": -1,
    }

    response = client.post("/jobs", json=body)

    assert sorted(fields_of(response)) == [
        "end",
        "interval.hours",
        "interval.seconds",
        "name",
        "nme",
        "params.whoo",
        "retries.mx",
        "timeout",
    ]


def test_the_nearest_known_field_is_suggested(client: FlaskClient) -> None:
    errors = client.post("/jobs", json={**GOOD, "prority": 1}).get_json()["errors"]

    assert errors[0]["message"].endswith("Did you mean 'priority'?")
