"""Every route times every horror: never a 5xx, every refusal a problem, nothing half-done.

The routes are those of the application itself, so that a new one is tried as soon as it exists.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsched.web.celigo import celigo
from jobsched.web.health import health
from tests.support.native import Native, native_api

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "")
NOT_READY = "/readyz"  # nothing leads here: its 503 is its right answer
UUID = "22bc4c4e-6749-4e25-b329-4ba0afe07d41"
IDS = (
    "1",
    "0",
    "-1",
    "9" * 18,
    "9" * 19,
    "9" * 5000,
    "1.0",
    "0x1",
    "%D9%A3",
    "a" * 5000,
    UUID,
    UUID.upper(),
    UUID[:-1],
    "..%2F..%2Fetc%2Fpasswd",
    "%00",
    "a%00b",
    "%FF%FE",
    "%ED%A0%80",
    "%0d%0aSet-Cookie:%20a=b",
    "health",
    "'; DROP TABLE jobs; --",
    "{7*7}",
    "%",
    "%zz",
    ".",
    "..",
)
QUERIES = (
    "limit=0",
    "limit=-1",
    "limit=" + "9" * 5000,
    "limit=%D9%A3",
    "limit=1&limit=2",
    "limit=",
    "cursor=",
    "cursor=" + "A" * 5000,
    "cursor=%00",
    "cursor=bm9uc2Vuc2U",
    "cursor=W10",
    "cursor=WzFlOTk5XQ",
    "state=nonsense",
    "outcome=%FF",
    "since=yesterday",
    "since=99999-01-01T00:00:00Z",
    "since=0001-01-01T00:00:00-23:59",
    "from=9999-12-31T23:59:59Z&to=0001-01-01T00:00:00Z",
    "offset=" + "9" * 18,
    "tail=" + "9" * 18,
    "stream=all",
    "q=%25_%5C%27%22",
    "q=" + "x" * 5000,
    "%FF=1",
    "=",
    "&&&",
    "a" * 5000,
    "&".join(f"a{number}=1" for number in range(200)),
)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"0",
    b'"x"',
    b"{}",
    b"NaN",
    b'{"a": NaN}',
    b'{"name": 1e999}',
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"priority": ' + b"9" * 5000 + b"}",
    b'{"name": "a", "name": "b"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\xff"}',
    b'{"name": "a\\u0000"}',
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"task=example&name=a",
    b'{"task": {"$ne": null}, "name": [], "interval": {"seconds": 1}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": -1}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1e308, "weeks": 1e308}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 9223372036854775807}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1e-300}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": true}}',
    b'{"task": "example", "name": "a", "at": "9999-12-31T23:59:59.999999+00:00"}',
    b'{"task": "example", "name": "a", "at": "0001-01-01T00:00:00+23:59"}',
    b'{"task": "example", "name": "a", "at": 9223372036854775807}',
    b'{"task": "example", "name": "a", "at": "now", "interval": {"seconds": 1}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1}, "timezone": "../../etc/passwd"}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1}, "timezone": "\\u0001"}',
    b'{"task": "example", "name": "a", "interval": {"days": 9}, "start": "9999-12-31T23:00:00Z"}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1}, "params": {"who": {"a": []}}}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1}, "count": 0}',
    b'{"task": "example", "name": "a", "interval": {"seconds": 1}, "jitter": -1}',
    b'{"task": "example", "name": "a", "retries": {"max": 9223372036854775807, "factor": 1e308}}',
    b'{"until": "0001-01-01T00:00:00Z"}',
    b'{"until": "9999-12-31T23:59:59Z", "reason": 5}',
    b'{"name": "x", "role": "root", "expires_at": "9999-12-31T23:59:59-23:59"}',
    b'{"limit": 99999999999999999999}',
    b'{"dry_run": "yes", "job": "\\ud83d"}',
)
TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "", "a/b; c=\xff")
HEADERS = (
    {"Prefer": "wait=-1"},
    {"Prefer": "wait=nonsense; a, , cancel-on-disconnect=1"},
    {"Idempotency-Key": ""},
    {"Idempotency-Key": "x" * 5000},
    {"Idempotency-Key": "\xff"},
    {"If-Match": "nonsense"},
    {"If-Match": '"' + "9" * 5000 + '"'},
    {"If-None-Match": 'W/"x'},
    {"Range": "bytes=5-1"},
    {"Range": "bytes=" + "9" * 5000 + "-"},
    {"Range": "bytes=-0"},
    {"Accept": "text/html"},
    {"Accept-Encoding": "\xff"},
    {"Authorization": "Bearer \xff"},
    {"Authorization": "Basic " + "A" * 5000},
    {"Cookie": "a=" + "b" * 5000},
    {"Content-Length": "-1"},
    {"Content-Length": "nonsense"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Host": "127.0.0.1:99999999999"},
    {"Transfer-Encoding": "chunked"},
    {"X-Forwarded-For": "\xff, 127.0.0.1"},
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    with native_api(tmp_path_factory.mktemp("horrors")) as api:
        api.app.register_blueprint(health)
        api.app.register_blueprint(celigo)
        yield api


@pytest.fixture(scope="module")
def client(api: Native) -> FlaskClient:
    return api.client()


def _rules(api: Native) -> list[str]:
    return sorted({rule.rule for rule in api.app.url_map.iter_rules()})


def _real(api: Native) -> tuple[str, str]:
    """Return the id of a run that there is, and of a job."""
    return str(api.start()), api.schedule().rpartition("/")[2]


def _paths(api: Native, value: str) -> list[str]:
    """Return the address of every route with *value* in every variable place."""
    return ["/".join(value if "<" in part else part for part in r.split("/")) for r in _rules(api)]


def _try(client: FlaskClient, path: str, method: str = "GET", **request: Any) -> None:
    overrides = request.pop("environ_overrides", {})
    response = client.open(
        path, method=method or "GET", environ_overrides=overrides, buffered=False, **request
    )
    told = f"{method} {path[:100]} {str(request)[:200]} -> {response.status} "
    try:
        assert response.status_code < 500 or path.startswith(NOT_READY), told
        if response.status_code >= 400 and method != "HEAD":
            assert response.mimetype == "application/problem+json", told
            problem = json.loads(response.get_data())
            assert problem["status"] == response.status_code, told
            assert problem["detail"], told
            assert problem["description"] == problem["detail"], told
        assert "html" not in (response.mimetype or "") or not response.content_length, told
        assert "Set-Cookie" not in response.headers, told
    finally:
        response.close()


def _waits(path: str, method: str) -> bool:
    return method in {"GET", "get", ""} and path.endswith("/events")


def test_every_route_is_tried(api: Native) -> None:
    assert len(_rules(api)) > 20


def test_wrong_methods(api: Native, client: FlaskClient) -> None:
    for value in _real(api):
        for path in _paths(api, value):
            for method in METHODS:
                if not _waits(path, method):
                    _try(client, path, method)


@pytest.mark.parametrize("value", IDS, ids=lambda value: value[:30])
def test_horrible_ids(api: Native, client: FlaskClient, value: str) -> None:
    for path in _paths(api, value):
        for method in ("GET", "POST", "PUT", "DELETE"):
            if not _waits(path, method):
                _try(client, path, method, json={})


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_horrible_queries(api: Native, client: FlaskClient, query: str) -> None:
    for value in _real(api):
        for path in _paths(api, value):
            for method in ("GET", "POST", "DELETE"):
                if not _waits(path, method):
                    _try(client, path, method, query_string=query)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:40]))
def test_horrible_bodies(api: Native, client: FlaskClient, body: bytes) -> None:
    for value in _real(api):
        for path in _paths(api, value):
            for method in ("POST", "PUT", "DELETE"):
                _try(client, path, method, data=body, content_type="application/json")


@pytest.mark.parametrize("content_type", TYPES)
def test_wrong_content_types(api: Native, client: FlaskClient, content_type: str) -> None:
    for value in _real(api):
        for path in _paths(api, value):
            for method in ("POST", "PUT", "DELETE"):
                _try(client, path, method, data=b'{"a": 1}', content_type=content_type)


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: str(headers)[:40])
def test_horrible_headers(api: Native, client: FlaskClient, headers: dict[str, str]) -> None:
    for value in _real(api):
        for path in _paths(api, value):
            for method in ("GET", "POST", "PUT", "DELETE"):
                if not _waits(path, method):
                    _try(client, path, method, data=b"{}", headers=headers)


def test_raw_bytes_in_the_path(api: Native, client: FlaskClient) -> None:
    for raw in ("/\xff\xfe", "/jobs/\x00", "/jobs/\ud800".encode("utf-8", "replace").decode()):
        _try(client, "/", environ_overrides={"PATH_INFO": raw})


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["example", "interval", "2026-01-01T00:00:00Z", UUID, "PT1S"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["seconds", "weeks", "max", "backoff", "exit_codes", "grace", "who", "catch_up"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    [
        *("task", "name", "interval", "at", "mode", "timezone", "start", "end", "count", "jitter"),
        *("params", "group", "tags", "description", "queue", "priority", "max_instances"),
        *("overlap", "misfire", "timeout", "idle_timeout", "grace", "retries", "on_lost"),
        *("history", "env", "run_as", "detach", "paused", "reason", "until", "role", "expires_at"),
        *("limit", "dry_run", "job", "state", "outcome", "since", "q"),
        *("type", "_flowId", "_exportId", "_flowJobId", "status", "numError", "createdAt"),
    ]
)


@given(fields=st.dictionaries(_FIELDS, _JSON, max_size=8), method=st.sampled_from(["POST", "PUT"]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bodies_out_of_thin_air(api: Native, fields: dict[str, Any], method: str) -> None:
    client = api.client()
    sound = {"task": "example", "name": "fake", "interval": {"hours": 1}}
    for body in (fields, {**sound, **fields}):
        data = json.dumps(body).encode("utf-8", "surrogatepass")
        for path in (path for value in _real(api) for path in _paths(api, value)):
            _try(client, path, method, data=data, content_type="application/json")


def test_the_server_still_answers_afterwards(api: Native, client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/jobs").status_code == 200
