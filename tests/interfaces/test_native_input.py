"""The native API: wrong input on every route is refused with its fields named; nothing changes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.native import Native, native_api

NOWHERE = "/jobs/00000000-0000-4000-8000-000000000000"
GOOD: dict[str, Any] = {"task": "example", "name": "fake", "interval": {"seconds": 1}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    with native_api(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture
def client(api: Native) -> FlaskClient:
    return api.client()


def fields_of(response: Any) -> list[str]:
    """Return the fields that a refusal names, after checking its form."""
    assert response.status_code == 400, response.data
    assert response.content_type == "application/problem+json"
    problem = response.get_json()
    assert problem["status"] == 400
    assert problem["description"] == problem["detail"]
    assert all(error["message"] and error["rule"] for error in problem["errors"])
    return [error["field"] for error in problem["errors"]]


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
        ({"cron": "* * * * *"}, ["cron"]),
        ({"recurrence": {}}, ["recurrence"]),
        ({"any": []}, ["any"]),
        ({"calendars": []}, ["calendars"]),
        ({"dst": "once"}, ["dst"]),
        ({"health": {}}, ["health"]),
        ({"mode": "continuous"}, ["mode"]),
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
        ({"retries": 3}, ["retries"]),
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
    if changes.keys() & {"at", "mode"}:
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


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/runs", {}, ["task"]),
        ("/runs", {"task": "example", "at": "2020-01-01T00:00:00Z"}, ["at"]),
        ("/runs", {"task": "example", "params": {"x": 1}}, ["params.x"]),
        ("/runs", {"task": "example", "name": "a\tb", "queue": "", "priority": -101}, None),
        ("/runs", {"task": "example", "timeout": "1"}, ["timeout"]),
        ("/runs", {"task": "example", "interval": {"seconds": 1}}, ["interval"]),
        ("/runs/retry", {}, ["all"]),
        ("/runs/retry", {"outcome": "lucky"}, ["outcome"]),
        ("/runs/retry", {"all": True, "limit": 0}, ["limit"]),
        ("/runs/retry", {"all": "yes"}, ["all"]),
        ("/runs/retry", {"since": "yesterday"}, ["since"]),
        ("/runs/retry?state=done", {"all": True}, ["query"]),
        ("JOB/run", {"params": {"x": 1}}, ["params.x"]),
        ("JOB/run", {"parms": {}}, ["parms"]),
        ("JOB/retry", {"x": 1}, ["x"]),
        ("JOB/pause", {"until": "2020-01-01T00:00:00Z"}, ["until"]),
        ("JOB/pause", {"until": 5, "reason": "a\nb"}, ["until", "reason"]),
        ("JOB/resume", {"x": 1}, ["x"]),
        ("RUN/stop", {"why": "x"}, ["why"]),
        ("RUN/stop", {"reason": ""}, ["reason"]),
        ("RUN/retry", {"x": 1}, ["x"]),
        ("/pause", {"until": "2020-01-01T00:00:00Z"}, ["until"]),
        ("/resume", {"x": 1}, ["x"]),
        ("/reload", {"x": 1}, ["x"]),
        ("/tokens", {}, ["name", "role"]),
        ("/tokens", {"name": "a b", "role": "root", "expires_at": 1}, None),
        ("/tokens", {"name": "a", "role": "viewer", "expires_at": "2020-01-01"}, ["expires_at"]),
    ],
)
def test_a_wrong_body_is_refused_on_every_route(
    api: Native, client: FlaskClient, path: str, body: dict[str, Any], fields: list[str] | None
) -> None:
    job, run = api.schedule(), f"/runs/{api.start()}"
    path = path.replace("JOB", job).replace("RUN", run)

    named = fields_of(client.post(path, json=body))

    expected = fields if fields is not None else [name for name in body if name != "task"]
    assert sorted(named) == sorted(expected)


POSTS = [
    "/jobs", "/runs", "/runs/retry", "JOB/run", "JOB/retry", "JOB/pause", "JOB/resume", "RUN/stop",
    "RUN/retry", "/tokens", "/pause", "/resume", "/reload",
]  # fmt: skip


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("text", ["{", "[]", "null", '{"reason": "\\ud800"}', '{"a":1,"a":2}'])
def test_a_broken_body_is_refused_on_every_route(
    api: Native, client: FlaskClient, path: str, text: str
) -> None:
    job, run = api.schedule(), f"/runs/{api.start()}"
    path = path.replace("JOB", job).replace("RUN", run)

    assert fields_of(client.post(path, data=text, content_type="application/json"))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=1001", "limit"),
        ("/jobs?limit=ten", "limit"),
        ("/jobs?limit=%D9%A1", "limit"),
        ("/jobs?limit=" + "9" * 5000, "limit"),
        ("/jobs?cursor=nonsense", "cursor"),
        ("/jobs?state=deleted", "state"),
        ("/jobs?mode=x", "mode"),
        ("/jobs?nme=x", "nme"),
        ("/jobs?name=a&name=b", "name"),
        ("/jobs?q=%00", "q"),
        ("/jobs?q=%FF", "query"),
        ("/runs?state=x", "state"),
        ("/runs?outcome=x", "outcome"),
        ("/runs?since=x", "since"),
        ("/runs?until=x", "until"),
        ("/runs?limit=-1", "limit"),
        ("/runs?cursor=AA", "cursor"),
        ("JOB/runs?state=done", "state"),
        ("JOB/runs?limit=x", "limit"),
        ("JOB/occurrences?from=x", "from"),
        ("JOB/occurrences?from=2020-01-02&to=2020-01-01", "to"),
        ("JOB/occurrences?cursor=x", "cursor"),
        ("JOB/occurrences?limit=x", "limit"),
        ("RUN/output?stream=all", "stream"),
        ("RUN/output?offset=-1", "offset"),
        ("RUN/output?limit=x", "limit"),
        ("RUN/output?tail=x", "tail"),
        ("RUN/output?tail=1&offset=1", "tail"),
        ("RUN/output?follow=maybe", "follow"),
    ],
)
def test_a_wrong_query_is_refused_on_every_route(
    api: Native, client: FlaskClient, path: str, field: str
) -> None:
    job, run = api.schedule(), f"/runs/{api.start()}"
    path = path.replace("JOB", job).replace("RUN", run)

    assert fields_of(client.get(path)) == [field]


def test_a_wrong_query_unschedules_nothing(api: Native, client: FlaskClient) -> None:
    path = api.schedule()

    assert fields_of(client.delete(f"{path}?stop=perhaps")) == ["stop"]
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("POST", f"{NOWHERE}/{verb}") for verb in ("run", "retry", "pause", "resume")],
        *[("GET", f"{NOWHERE}/{noun}") for noun in ("runs", "occurrences")],
        *[("POST", f"/runs/999999/{verb}") for verb in ("stop", "retry")],
        *[("GET", f"/runs/999999{part}") for part in ("", "/output", "/events")],
        *[("GET", f"/runs/{number}") for number in ("x", "-1", "1.5", "9" * 40, "%D9%A1")],
        ("GET", "/catalog/nope"),
        ("GET", "/catalog/a/b"),
        ("DELETE", "/tokens/999"),
        ("DELETE", "/tokens/x"),
        ("GET", "/nowhere"),
    ],
)
def test_what_there_is_not_is_404(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)

    assert response.status_code == 404, response.data
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/jobs"), ("PATCH", NOWHERE), ("PUT", "/runs"), ("POST", "/status")],
)
def test_another_method_is_405(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method)

    assert response.status_code == 405
    assert response.headers["Allow"]
    assert response.get_json()["status"] == 405


def test_a_name_or_task_cannot_be_taken_away(api: Native, client: FlaskClient) -> None:
    response = client.put(api.schedule(), json={"name": None, "task": None})

    assert sorted(fields_of(response)) == ["name", "task"]


def test_changing_to_an_unknown_task_is_404(api: Native, client: FlaskClient) -> None:
    assert client.put(api.schedule(), json={"task": "nope"}).status_code == 404


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "\u00e9"])
def test_a_wrong_idempotency_key_is_refused(client: FlaskClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}

    assert fields_of(client.post("/jobs", json=GOOD, headers=headers)) == ["Idempotency-Key"]
