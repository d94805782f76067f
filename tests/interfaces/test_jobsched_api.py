"""Seed 002, the HTTP interface: checks J5 and J18 to J29, against the real server."""

import json
import re
import socket
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests.support.server import Server
from tests.support.waiting import until

JSON = {"content-type": "application/json"}
LOCATION = re.compile(r"http://127\.0\.0\.1:\d+/jobs/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


def body(**changes: object) -> dict[str, object]:
    """Return a request to schedule that is right but for *changes*; None removes a key."""
    good = {"task": "example", "name": "fake", "interval": {"hours": 1}}
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def post(server: Server, **changes: object) -> str:
    response = server.post("/jobs", json=body(**changes))
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def described(response: requests.Response) -> str:
    """Return the sentence of an error, which must be JSON."""
    assert "json" in response.headers["Content-Type"]
    answer = response.json()
    assert answer["status"] == response.status_code
    description: str = answer["description"]
    return description


def test_J5_the_catalog_lists_the_tasks_in_file_order(server: Server) -> None:
    response = server.get("/catalog")

    assert response.status_code == 200
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    assert response.json() == {"tasks": ["runfoo", "example", "timeout"]}


def test_J18_scheduling_answers_202_with_an_absolute_location(server: Server) -> None:
    text = '{"task":"example","name": "fake", "interval": {"seconds": 3600}}'

    response = server.post("/jobs", data=text, headers=JSON)

    assert response.status_code == 202
    assert (response.content, response.headers["Content-Length"]) == (b"", "0")
    assert LOCATION.fullmatch(response.headers["Location"])
    assert response.headers["Location"].startswith(server.url)


def test_J18_the_location_is_absolute_on_the_wire(server: Server) -> None:
    payload = json.dumps(body()).encode()
    head = (
        f"POST /jobs HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + payload)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 202 ")
    assert f"\r\nLocation: http://localhost:{server.port}/jobs/".encode() in answer


def test_J19_the_location_shows_the_job(server: Server) -> None:
    before = datetime.now()  # noqa: DTZ005 - seed 002 shows the server's local time
    location = post(server, interval={"seconds": 1})

    response = server.get(location)
    after = datetime.now()  # noqa: DTZ005

    job = response.json()
    assert response.status_code == 200
    assert job["id"] == location.rsplit("/", maxsplit=1)[1] == str(uuid.UUID(job["id"]))
    assert (job["name"], job["interval"]) == ("fake", "0:00:01")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", job["next_run"])
    next_run = datetime.fromisoformat(job["next_run"])
    assert before <= next_run <= after + timedelta(seconds=1)
    server.delete(location)


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ({"hours": 30, "minutes": 1}, "1 day, 6:01:00"),
        ({"weeks": 1}, "7 days, 0:00:00"),
        ({"days": 2, "seconds": 3}, "2 days, 0:00:03"),
        ({"weeks": 1, "days": 1, "hours": 1, "minutes": 1, "seconds": 1}, "8 days, 1:01:01"),
        ({"seconds": 90.5}, "0:01:30.500000"),
        ({"hours": 0, "minutes": 5}, "0:05:00"),
    ],
)
def test_J20_the_parts_of_an_interval_add_up(
    server: Server, interval: dict[str, float], shown: str
) -> None:
    location = post(server, interval=interval)

    assert server.get(location).json()["interval"] == shown


def test_J21_J22_the_first_run_comes_after_one_interval_and_so_on(server: Server) -> None:
    location = post(server, interval={"seconds": 1})
    created = datetime.fromisoformat(server.get(location).json()["created_at"])

    runs = server.finished(location, 3)
    server.delete(location)

    due = [datetime.fromisoformat(run["due_at"]) for run in runs]
    started = [datetime.fromisoformat(run["started_at"]) for run in runs]
    assert due == [created + timedelta(seconds=n) for n in (1, 2, 3)]
    assert all(start >= moment for start, moment in zip(started, due, strict=True))
    assert {run["outcome"] for run in runs} == {"succeeded"}


def test_J23_the_list_has_the_same_objects(server: Server) -> None:
    location = post(server, name="listed")

    response = server.get("/jobs")

    assert response.status_code == 200
    shown = [job for job in response.json()["values"] if job["url"] == location]
    assert shown == [server.get(location).json()]


def test_J23_the_list_of_a_new_server_is_empty(tmp_path: Any) -> None:
    with Server(tmp_path) as server:
        assert server.get("/jobs").json()["values"] == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff\xfe",
        b'{"task": "example", "task": "example", "name": "x", "interval": {"hours": 1}}',
        b'{"task": "example", "name": "x", "interval": {"hours": NaN}}',
        b'{"task": "example", "name": "x", "interval": {"hours": Infinity}}',
        b'{"task": "example", "name": "x", "interval": {"hours": 1e999}}',
        b'{"task": "example", "name": "x", "interval": {"hours": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"a":' * 20_000,
    ],
    ids=lambda content: str(content[:30]),
)
def test_J24_what_is_no_proper_json_object_is_refused(server: Server, content: bytes) -> None:
    response = server.post("/jobs", data=content, headers=JSON)

    assert response.status_code == 400
    assert described(response)
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_J24_another_content_type_is_refused(server: Server, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}

    response = server.post("/jobs", data=json.dumps(body()).encode(), headers=headers)

    assert response.status_code == 400
    assert "content-type" in described(response).lower()


@pytest.mark.parametrize(
    "changes",
    [
        {"task": None},
        {"task": ""},
        {"task": 3},
        {"name": None},
        {"name": ""},
        {"name": 3},
        {"name": "x" * 201},
        {"name": "a\nb"},
        {"interval": None},
        {"interval": {}},
        {"interval": []},
        {"interval": "1"},
        {"interval": 1},
        {"interval": {"fortnights": 1}},
        {"interval": {"seconds": "1"}},
        {"interval": {"seconds": None}},
        {"interval": {"seconds": True}},
        {"interval": {"seconds": [1]}},
        {"interval": {"seconds": 0}},
        {"interval": {"seconds": -5}},
        {"interval": {"seconds": 1, "minutes": -1}},
        {"interval": {"weeks": 1e300}},
        {"interval": {"weeks": 10**30}},
        {"interval": {"seconds": 1e-9}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_J24_wrong_fields_are_refused(server: Server, changes: dict[str, object]) -> None:
    before = len(server.get("/jobs").json()["values"])

    # null is one of the wrong values, so a key that is None here is left out in ``body``.
    response = server.post("/jobs", json=body(**changes))

    assert response.status_code == 400, response.text
    (field,) = changes
    assert any(error["field"].startswith(field) for error in response.json()["errors"])
    assert described(response)
    assert len(server.get("/jobs").json()["values"]) == before
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("field", ["task", "name", "interval"])
def test_J24_null_is_no_value(server: Server, field: str) -> None:
    response = server.post("/jobs", json={**body(), field: None})

    assert response.status_code == 400
    assert described(response)


def test_J25_unknown_keys_beside_a_known_one_are_ignored(server: Server) -> None:
    location = post(server, interval={"seconds": 3600, "fortnights": 2})

    assert server.get(location).json()["interval"] == "1:00:00"


def test_J26_an_unknown_task_is_404(server: Server) -> None:
    response = server.post("/jobs", json=body(task="nothing"))

    assert response.status_code == 404
    assert "nothing" in described(response)


@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "nonsense", "1", "..%2f", "%00"])
def test_J27_an_unknown_job_is_404(server: Server, name: str) -> None:
    for response in (server.get(f"/jobs/{name}"), server.delete(f"/jobs/{name}")):
        assert response.status_code == 404
        assert described(response)


def test_J28_an_unscheduled_job_is_gone_and_runs_no_more(server: Server) -> None:
    location = post(server, interval={"seconds": 0.2})
    server.finished(location, 1)

    response = server.delete(location)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == "0"
    assert server.get(location).status_code == 404
    assert server.delete(location).status_code == 404
    assert location not in [job["url"] for job in server.get("/jobs").json()["values"]]
    count = len(_all_done(server, location))
    other = post(server, interval={"seconds": 0.2})
    server.finished(other, 5)
    server.delete(other)
    assert len(server.runs(location)) == count


def _all_done(server: Server, location: str) -> list[dict[str, Any]]:
    """Return the runs of a job once none of them is alive."""

    def done() -> list[dict[str, Any]]:
        runs = server.runs(location)
        return runs if all(run["state"] == "done" for run in runs) else []

    return until(done)


def test_J29_two_jobs_may_have_the_same_name(server: Server) -> None:
    first, second = post(server, name="twin"), post(server, name="twin")

    assert first != second
    names = [job["name"] for job in server.get("/jobs").json()["values"]]
    assert names.count("twin") == 2


def test_a_wrong_method_is_405_and_json(server: Server) -> None:
    response = server.request("PATCH", "/jobs", json={})

    assert response.status_code == 405
    assert described(response)


def test_an_unknown_page_is_404_and_json(server: Server) -> None:
    assert described(server.get("/nowhere"))
