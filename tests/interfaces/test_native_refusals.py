"""The native API: wrong bodies, queries and addresses on every route."""

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
    "RUN/retry", "JOB/retries/1/retry", "/tokens", "/pause", "/resume", "/reload",
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
        ("/audit?since=x", "since"),
        ("/audit?status=200", "status"),
        ("/audit?cursor=x", "cursor"),
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
        *[("GET", f"{NOWHERE}/{noun}") for noun in ("runs", "occurrences", "retries")],
        *[("POST", f"{NOWHERE}/retries/{run}/retry") for run in ("1", "x", "-1", "9" * 40)],
        ("PUT", f"{NOWHERE}/retries/retry"),
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
