"""Seed 003, lists of jobs: filters, pages, what is too old, who may look and change."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched import clock
from tests.support.celigo import CeligoServer, Job, refused

DAY = 24 * 3600 * clock.SECOND


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeligoServer]:
    with CeligoServer(tmp_path_factory.mktemp("celigo")) as server:
        yield server


@pytest.fixture(scope="module")
def made(server: CeligoServer) -> dict[str, Job]:
    """Jobs of all kinds, by what they are."""
    server.open("made")
    good, bad = server.held("made", name="good"), server.held("made", code=1, name="bad")
    records = server.flow("customers", params={"wrong": [[1, 2, 3]]}, name="records")
    held = server.held("shut", name="held here", overlap="queue")
    jobs = {"good": server.over(server.run(good, _integrationId="shop"))}
    parent = jobs["good"]["_id"]
    jobs["export"] = server.over(
        server.run(good, type="export", _exportId="orders", _flowJobId=parent)
    )
    jobs["import"] = server.over(server.run(good, type="import", _importId="orders"))
    jobs["bad"] = server.over(server.run(bad))
    jobs["records"] = server.over(server.run(records))
    jobs["running"] = server.reaches(server.run(held), "running")
    jobs["queued"] = server.run(held)
    cancelled = server.run(held)
    server.put(f"/v1/jobs/{cancelled['_id']}/cancel")
    jobs["canceled"] = server.over(cancelled)
    retry = server.post(f"/v1/jobs/{jobs['bad']['_id']}/retry").json()
    jobs["retry"] = server.over(retry)
    return {name: server.job(job) for name, job in jobs.items()}


def names(server: CeligoServer, made: dict[str, Job], **query: Any) -> list[str]:
    by_id = {job["_id"]: name for name, job in made.items()}
    return [by_id[job["_id"]] for job in server.listed(**query)]


ALL = ["retry", "canceled", "queued", "running", "records", "bad", "import", "export", "good"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ALL),
        ({"status": "queued"}, ["queued"]),
        ({"status": "running"}, ["running"]),
        ({"status": "completed"}, ["records", "import", "export", "good"]),
        ({"status": "failed"}, ["retry", "bad"]),
        ({"status": "canceled"}, ["canceled"]),
        ({"status": "cancelled"}, ["canceled"]),
        ({"status": "canceling,cancelling"}, []),
        ({"status": "queued, running"}, ["queued", "running"]),
        ({"status": "running,failed"}, ["retry", "running", "bad"]),
        ({"type": "flow"}, ["canceled", "queued", "running", "records", "bad", "good"]),
        ({"type": "retry"}, ["retry"]),
        ({"type_in": "export,import"}, ["import", "export"]),
        ({"type_in": "export,import", "type": "export"}, ["export"]),
        ({"type": "export", "type_in": "import"}, []),
        ({"_flowId": "bad"}, ["retry", "bad"]),
        ({"_flowId": "nobody"}, []),
        ({"_flowId_in": "bad, records,nobody"}, ["retry", "records", "bad"]),
        ({"_flowId_in": "bad,records", "_flowId": "bad"}, ["retry", "bad"]),
        ({"_flowId": "good", "type": "export"}, ["export"]),
        ({"_flowId": "held here", "status": "queued"}, ["queued"]),
        ({"_integrationId": "shop"}, ["good"]),
        ({"_exportId": "orders"}, ["export"]),
        ({"_importId": "orders"}, ["import"]),
        ({"_importId": "nothing"}, []),
        ({"_flowJobId": "999999"}, []),
        ({"retriable": "true"}, ["retry", "canceled", "records"]),
        ({"retriable": "false", "status": "failed"}, ["bad"]),
        ({"numError_gte": "1"}, ["retry", "canceled", "records", "bad"]),
        ({"numError_gte": "2"}, ["records"]),
        ({"numError_lte": "0"}, ["queued", "running", "import", "export", "good"]),
        ({"numSuccess_gte": "997", "numSuccess_lte": "997"}, ["records"]),
        ({"numSuccess_gte": "998"}, []),
        ({"numIgnore_gte": "1"}, []),
        ({"numIgnore_lte": "0", "status": "running"}, ["running"]),
        ({"createdAt_gte": "2020-01-01T00:00:00.000Z"}, ALL),
        ({"createdAt_lte": "2020-01-01T00:00:00.000Z"}, []),
        ({"createdAt_gte": "2199-01-01"}, []),
    ],
)
def test_C1_a_list_is_filtered(
    server: CeligoServer, made: dict[str, Job], query: dict[str, str], expected: list[str]
) -> None:
    assert names(server, made, **query) == expected


def test_C1_a_flow_is_found_by_its_uuid(server: CeligoServer, made: dict[str, Job]) -> None:
    flow = made["bad"]["_flowId"]

    assert names(server, made, _flowId=flow) == ["retry", "bad"]
    assert names(server, made, _flowId_in=f"{flow.upper()},good")[0] == "retry"
    assert names(server, made, _flowJobId=made["good"]["_id"]) == ["export"]


def test_C1_a_moment_as_it_is_shown_is_within_its_bounds(
    server: CeligoServer, made: dict[str, Job]
) -> None:
    shown = made["records"]["createdAt"]

    assert "records" in names(server, made, createdAt_lte=shown, createdAt_gte=shown)
    assert names(server, made, createdAt_lte=shown)[0] == "records"
    assert names(server, made, createdAt_gte=shown)[-1] == "records"


@pytest.mark.parametrize("query", [{}, {"status": "queued,running"}, {"type_in": "flow,retry"}])
def test_C1_a_list_comes_in_pages(
    server: CeligoServer, made: dict[str, Job], query: dict[str, str]
) -> None:
    whole = names(server, made, **query)

    response = server.get("/v1/jobs", params={**query, "limit": 1})

    assert len(response.json()) == 1
    assert response.links["next"]["url"].startswith(f"{server.url}/v1/jobs?")
    assert names(server, made, limit=1, **query) == whole
    assert names(server, made, limit=2, **query) == whole
    assert "next" not in server.get("/v1/jobs", params=query).links


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "done"),
        ("status", "queued,done"),
        ("status", ""),
        ("type", "page"),
        ("type_in", "flow,,"),
        ("retriable", "maybe"),
        ("createdAt_lte", "yesterday"),
        ("createdAt_gte", "2026-13-01"),
        ("numError_gte", "-1"),
        ("numError_lte", "many"),
        ("numSuccess_gte", "9" * 30),
        ("numIgnore_lte", "1.5"),
        ("_flowId", ""),
        ("_flowJobId", "x"),
        ("_flowJobId", "9" * 30),
        ("limit", "0"),
        ("limit", "1001"),
        ("cursor", "nonsense"),
        ("_flowld", "a"),
    ],
)
def test_C1_a_wrong_filter_is_400_and_named(server: CeligoServer, name: str, value: str) -> None:
    response = server.get("/v1/jobs", params={name: value})

    assert name in refused(response, 400)
    assert response.json()["errors"][0]["field"] == name


def test_C22_what_is_older_than_30_days_is_gone(server: CeligoServer) -> None:
    flow = server.flow(name="old")
    jobs = [server.over(server.run(flow)) for _ in range(2)]
    young, old = (job["_id"] for job in jobs)

    age(
        server.data / "jobsched.db",
        {int(young): 30 * DAY - 3600 * clock.SECOND, int(old): 30 * DAY},
    )

    assert [job["_id"] for job in server.listed(_flowId=flow)] == [young]
    assert server.job(young)["status"] == "completed"
    for path in ("", "/family", "/joberrors"):
        refused(server.get(f"/v1/jobs/{old}{path}"), 404)
    refused(server.post(f"/v1/jobs/{old}/retry"), 404)
    refused(server.delete(f"/v1/jobs/{old}"), 404)


def age(database: Path, ages: dict[int, int]) -> None:
    """Let runs have been made so many microseconds ago."""
    with sqlite3.connect(database, timeout=20) as connection:
        for run, age_us in ages.items():
            moment = clock.now_us() - age_us
            connection.execute("UPDATE runs SET created_us = ? WHERE id = ?", (moment, run))
    connection.close()


def test_an_unchanged_list_is_304(server: CeligoServer, made: dict[str, Job]) -> None:
    first = server.get("/v1/jobs", params={"_flowId": "bad"})

    again = server.get(
        "/v1/jobs", params={"_flowId": "bad"}, headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v1/nope"),
        ("GET", "/v1/retries"),
        ("PATCH", "/v1/jobs"),
    ],
)
def test_what_is_not_there_is_told_in_json(server: CeligoServer, method: str, path: str) -> None:
    status = 405 if method == "PATCH" else 404
    refused(server.request(method, path), status)


ROUTES = [
    ("GET", "", "viewer"),
    ("GET", "/1", "viewer"),
    ("GET", "/1/family", "viewer"),
    ("GET", "/1/joberrors", "viewer"),
    ("POST", "", "operator"),
    ("PUT", "/1", "operator"),
    ("PUT", "/1/cancel", "operator"),
    ("POST", "/1/retry", "operator"),
    ("POST", "/1/retries/1/retry", "operator"),
    ("PUT", "/1/retries/retry", "operator"),
    ("DELETE", "/1", "admin"),
]


def test_each_route_needs_its_role(tmp_path: Path) -> None:
    with CeligoServer(tmp_path) as server:
        tokens: dict[str, str] = {}
        for role in ("admin", "operator", "viewer"):
            headers = {"Authorization": f"Bearer {tokens['admin']}"} if tokens else {}
            response = server.post("/tokens", json={"name": role, "role": role}, headers=headers)
            tokens[role] = response.json()["token"]
        order = ["viewer", "operator", "admin"]

        for method, path, needed in [*ROUTES, ("PUT", "/../retries/1/data", "operator")]:
            url = f"/v1/jobs{path}".replace("jobs/../", "")
            assert server.request(method, url).status_code == 401
            for role in order:
                headers = {"Authorization": f"Bearer {tokens[role]}"}
                status = server.request(method, url, json={}, headers=headers).status_code
                assert (status == 403) is (order.index(role) < order.index(needed)), (url, role)
