"""Seed 003, jobs: the eight routes' first five, states, fields; each test named by its clause."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.support.celigo import CeligoServer, Job, refused
from tests.support.waiting import until

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = "22bc4c4e-6749-4e25-b329-4ba0afe07d41"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeligoServer]:
    with CeligoServer(tmp_path_factory.mktemp("celigo")) as server:
        yield server


def moment(text: str) -> datetime:
    assert MOMENT.fullmatch(text), text
    return datetime.fromisoformat(text)


# As printed in the seed, below its base.
ROUTES = [
    ("/v1/jobs", "get", "200"),
    ("/v1/jobs", "post", "201"),
    ("/v1/jobs/{job_id}", "put", "200"),
    ("/v1/jobs/{job_id}", "get", "200"),
    ("/v1/jobs/{job_id}", "delete", "204"),
    ("/v1/jobs/{job_id}/retry", "post", "200"),
    ("/v1/jobs/{job_id}/retries/{record_id}/retry", "post", "200"),
    ("/v1/jobs/{job_id}/retries/retry", "put", "200"),
]


def test_the_routes_of_the_seed_are_described_with_their_codes(server: CeligoServer) -> None:
    paths = server.get("/openapi.json").json()["paths"]

    for path, method, status in ROUTES:
        assert status in paths[path][method]["responses"], (path, method)
    fields = server.get("/openapi.json").json()["components"]["schemas"]["CeligoJob"]["properties"]
    assert set(server.run(server.flow())) == set(fields)


def test_C1_jobs_are_listed_as_a_bare_array(server: CeligoServer) -> None:
    job = server.run(server.flow())

    response = server.get("/v1/jobs")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()[0]["_id"] == job["_id"]


def test_C2_a_post_answers_201_and_the_new_job(server: CeligoServer) -> None:
    flow = server.flow()

    response = server.post("/v1/jobs", json={"type": "flow", "_flowId": flow})

    job = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{server.url}/v1/jobs/{job['_id']}"
    assert (job["type"], job["_flowId"]) == ("flow", flow)
    assert job["status"] in {"queued", "running"}


def test_C3_a_job_is_shown_and_an_unknown_one_is_404(server: CeligoServer) -> None:
    job = server.run(server.flow())

    assert server.job(job)["_id"] == job["_id"]
    for number in ("999999", "0", "9" * 18, "9" * 400, "-1", "abc", UUID):
        refused(server.get(f"/v1/jobs/{number}"), 404)


def test_C4_a_put_answers_the_changed_job(server: CeligoServer) -> None:
    parent, job = server.run(server.flow()), server.run(server.flow())
    change = {"_integrationId": "i", "_exportId": "e", "_flowJobId": parent["_id"]}

    response = server.put(f"/v1/jobs/{job['_id']}", json=change)

    assert response.status_code == 200
    assert {name: response.json()[name] for name in change} == change
    assert {name: server.job(job)[name] for name in change} == change
    cleared = server.put(f"/v1/jobs/{job['_id']}", json={"_exportId": None}).json()
    assert (cleared["_exportId"], cleared["_integrationId"]) == (None, "i")


def test_C4_what_a_get_shows_may_be_sent_back(server: CeligoServer) -> None:
    job = server.run(server.flow(name="by name"), _flowId="by name")
    shown = server.over(job)

    response = server.put(f"/v1/jobs/{job['_id']}", json={**shown, "_importId": "i"})

    assert response.status_code == 200
    assert response.json() == {**shown, "_importId": "i"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "completed"}, "status"),
        ({"status": 1}, "status"),
        ({"_id": "1"}, "_id"),
        ({"type": "import"}, "type"),
        ({"createdAt": "2020-01-01T00:00:00.000Z"}, "createdAt"),
        ({"_flowId": None}, "_flowId"),
        ({"_flowId": "runfoo"}, "_flowId"),
        ({"_flowJobId": "999999"}, "_flowJobId"),
        ({"_flowJobId": "x"}, "_flowJobId"),
        ({"_exportId": 3}, "_exportId"),
        ({"nope": 1}, "nope"),
    ],
)
def test_C4_what_cannot_change_is_named(
    server: CeligoServer, change: dict[str, Any], field: str
) -> None:
    job = server.run(server.held("c4"))
    before = server.reaches(job, "running")

    response = server.put(f"/v1/jobs/{job['_id']}", json={"_exportId": "e", **change})

    assert field in refused(response, 400)
    assert response.json()["errors"][0]["field"] == field
    assert server.job(job) == before
    server.put(f"/v1/jobs/{job['_id']}/cancel")


def test_C5_a_deleted_job_is_gone(server: CeligoServer) -> None:
    job = server.over(server.run(server.flow()))

    response = server.delete(f"/v1/jobs/{job['_id']}")

    assert (response.status_code, response.content) == (204, b"")
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/family"), ("POST", "/retry")]:
        refused(server.request(method, f"/v1/jobs/{job['_id']}{path}"), 404)
    assert job["_id"] not in [one["_id"] for one in server.listed()]
    assert server.get(f"/runs/{job['_id']}").status_code == 404


def test_C5_a_running_job_is_cancelled_and_then_deleted(server: CeligoServer) -> None:
    flow = server.held("c5")
    job, waiting = server.run(flow), server.run(flow)
    server.reaches(job, "running")

    assert server.delete(f"/v1/jobs/{waiting['_id']}").status_code == 204
    assert server.delete(f"/v1/jobs/{job['_id']}").status_code == 204

    refused(server.get(f"/v1/jobs/{job['_id']}"), 404)
    assert server.listed(_flowId=flow) == []
    assert server.get(f"/runs/{waiting['_id']}").status_code == 404

    def ended() -> bool:
        run = server.get(f"/runs/{job['_id']}")
        return run.status_code == 404 or run.json()["ended_by"] == "stop"

    until(ended, 20)


def test_C12_a_job_is_queued_then_running_then_over(server: CeligoServer) -> None:
    flow = server.held("c12")
    server.reaches(server.run(flow), "running")
    job = server.run(flow)

    assert server.job(job)["status"] == "queued"
    assert server.job(job)["startedAt"] is None
    server.open("c12")
    assert server.over(job)["status"] == "completed"
    running = server.run(server.held("c12b"))
    assert server.reaches(running, "running")["endedAt"] is None
    server.open("c12b")
    assert server.over(running)["status"] == "completed"


@pytest.mark.parametrize("word", ["canceling", "cancelling", None])
def test_C11_a_job_is_cancelled_in_both_spellings(server: CeligoServer, word: str | None) -> None:
    job = server.run(server.held("never"))
    server.reaches(job, "running")

    if word is None:
        response = server.put(f"/v1/jobs/{job['_id']}/cancel")
    else:
        response = server.put(f"/v1/jobs/{job['_id']}", json={"status": word})

    assert response.status_code == 200
    assert response.json()["status"] in {"canceling", "canceled"}
    assert server.over(job)["status"] == "canceled"
    again = server.put(f"/v1/jobs/{job['_id']}/cancel")
    assert "has finished" in refused(again, 409)


def test_C11_a_queued_job_is_cancelled_at_once(server: CeligoServer) -> None:
    flow = server.held("c11")
    running, waiting = server.run(flow), server.run(flow)

    response = server.put(f"/v1/jobs/{waiting['_id']}/cancel", json={})

    assert response.json()["status"] == "canceled"
    server.open("c11")
    assert server.over(running)["status"] == "completed"


def test_C11_a_change_with_a_refused_cancel_changes_nothing(server: CeligoServer) -> None:
    job = server.over(server.run(server.flow()))

    response = server.put(f"/v1/jobs/{job['_id']}", json={"_exportId": "e", "status": "cancelling"})

    refused(response, 409)
    assert server.job(job) == job


def test_C11_an_end_by_itself_is_completed_or_failed(server: CeligoServer) -> None:
    server.open("ends")

    well = server.over(server.run(server.held("ends")))
    badly = server.over(server.run(server.held("ends", code=3)))

    assert (well["status"], badly["status"]) == ("completed", "failed")


@pytest.mark.parametrize("overlap", ["skip", "queue", "replace"])
def test_C15_of_a_flow_one_job_runs_and_the_next_waits(server: CeligoServer, overlap: str) -> None:
    gate = f"c15{overlap}"
    flow = server.held(gate, overlap=overlap)
    first = server.run(flow)
    server.reaches(first, "running")

    second, third = server.run(flow), server.run(flow)

    assert [server.job(one)["status"] for one in (first, second, third)] == [
        "running", "queued", "queued",
    ]  # fmt: skip
    server.open(gate)
    ended = [server.over(one) for one in (first, second, third)]
    assert [one["status"] for one in ended] == ["completed"] * 3
    for earlier, later in pairwise(ended):
        assert moment(later["startedAt"]) >= moment(earlier["endedAt"])


def test_C16_ids_are_unique_texts(server: CeligoServer) -> None:
    flow = server.flow(overlap="queue")

    ids = [server.run(flow)["_id"] for _ in range(5)]

    assert len(set(ids)) == 5
    assert all(isinstance(one, str) for one in ids)


def test_C17_a_job_has_the_type_it_was_given(server: CeligoServer) -> None:
    flow = server.flow()

    exported = server.run(flow, type="export", _exportId="e")
    imported = server.run(flow, type="import", _importId="i")
    plain = server.post("/v1/jobs", json={"_flowId": flow}).json()

    assert [server.job(one)["type"] for one in (exported, imported, plain)] == [
        "export", "import", "flow",
    ]  # fmt: skip


def test_C18_references_come_back_as_they_were_given(server: CeligoServer) -> None:
    flow = server.flow(name="nightly sync")
    parent = server.run("nightly sync", _integrationId="shop")
    part = server.run(flow, type="export", _exportId="orders", _flowJobId=parent["_id"])
    by_export = {"type": "export", "_exportId": flow}

    own = server.post("/v1/jobs", json=by_export).json()

    assert server.job(parent)["_flowId"] == "nightly sync"
    assert server.job(parent)["_integrationId"] == "shop"
    assert server.job(parent)["_exportId"] is None
    assert server.job(part)["_exportId"] == "orders"
    assert server.job(part)["_flowJobId"] == parent["_id"]
    assert (own["_exportId"], own["_flowId"]) == (flow, flow)


def test_C19_times_are_null_until_they_are_known(server: CeligoServer) -> None:
    flow = server.held("c19")
    server.reaches(server.run(flow), "running")
    job = server.run(flow)

    assert (job["startedAt"], job["endedAt"], job["queueTime"]) == (None, None, None)
    server.open("c19")
    over = server.over(job)
    assert moment(over["createdAt"]) <= moment(over["startedAt"]) <= moment(over["endedAt"])
    assert over["lastModified"] == over["endedAt"]


def test_C20_C21_numbers_are_integers_and_retriable_is_a_boolean(server: CeligoServer) -> None:
    server.open("c20")
    well = server.over(server.run(server.held("c20")))
    badly = server.over(server.run(server.held("c20", code=1)))

    assert [well[name] for name in ("numError", "numSuccess", "numIgnore")] == [0, 1, 0]
    assert [badly[name] for name in ("numError", "numSuccess", "numIgnore")] == [1, 0, 0]
    assert (well["retriable"], badly["retriable"]) == (False, True)
    assert server.run(server.flow())["retriable"] is False


def test_C22_a_job_is_always_dated(server: CeligoServer) -> None:
    job = server.run(server.flow())

    assert abs(moment(job["createdAt"]) - datetime.now(UTC)) < timedelta(seconds=20)


def test_C23_the_queue_time_is_in_milliseconds(server: CeligoServer) -> None:
    job = server.over(server.run(server.flow()))

    waited = moment(job["startedAt"]) - moment(job["createdAt"])
    assert isinstance(job["queueTime"], int)
    assert abs(job["queueTime"] - waited / timedelta(milliseconds=1)) <= 1


def test_C24_logs_and_files_can_be_fetched(server: CeligoServer) -> None:
    job = server.over(server.run(server.flow()))

    [log] = job["logs"]
    [file] = job["files"]
    assert set(log) == {"id", "host"}
    assert set(file) == {"id", "host", "name"}
    assert server.get(f"{log['host']}/{log['id']}").content == b"held\n"
    assert server.get(f"{file['host']}/{file['id']}").content == b"held\n"
    assert file["name"] == "stdout.txt"


def test_C24_what_has_not_started_has_neither(server: CeligoServer) -> None:
    flow = server.held("c24")
    server.run(flow)
    job = server.run(flow)

    assert (job["logs"], job["files"]) == ([], [])
    server.open("c24")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "nope", "_flowId": "held"}, "type"),
        ({"type": "retry", "_flowId": "held"}, "type"),
        ({"type": 1, "_flowId": "held"}, "type"),
        ({"type": "flow"}, "_flowId"),
        ({}, "_flowId"),
        ({"type": "flow", "_flowId": ""}, "_flowId"),
        ({"type": "flow", "_flowId": None}, "_flowId"),
        ({"type": "flow", "_flowId": ["held"]}, "_flowId"),
        ({"type": "flow", "_exportId": "held"}, "_flowId"),
        ({"type": "export", "_flowId": "held"}, "_exportId"),
        ({"type": "import", "_flowId": "held"}, "_importId"),
        ({"_flowId": "held", "_flowJobId": "999999"}, "_flowJobId"),
        ({"_flowId": "held", "status": "queued"}, "status"),
    ],
)
def test_C25_a_wrong_body_is_400_and_names_the_field(
    server: CeligoServer, body: dict[str, Any], field: str
) -> None:
    server.flow(name="one of its kind")
    body = {
        name: "one of its kind" if value == "held" and name != "type" else value
        for name, value in body.items()
    }
    before = len(server.listed())

    response = server.post("/v1/jobs", json=body)

    assert field in refused(response, 400)
    assert response.json()["errors"][0]["field"] == field
    assert len(server.listed()) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"type": "flow", "type": "x"}'])
def test_C25_what_is_no_json_object_is_400(server: CeligoServer, body: bytes) -> None:
    response = server.post("/v1/jobs", data=body, headers={"Content-Type": "application/json"})

    refused(response, 400)


def test_C25_a_flow_must_be_known_and_only_one(server: CeligoServer) -> None:
    for _ in range(2):
        server.flow(name="twin")

    for name in ("no such flow", UUID):
        response = server.post("/v1/jobs", json={"_flowId": name})
        assert name in refused(response, 404)
    response = server.post("/v1/jobs", json={"_flowId": "twin"})
    assert "uuid" in refused(response, 409)


def test_a_continuous_job_is_no_flow(server: CeligoServer) -> None:
    response = server.post("/jobs", json={"task": "held", "name": "for ever", "mode": "continuous"})
    service = response.headers["Location"].rsplit("/", 1)[1]

    response = server.post("/v1/jobs", json={"_flowId": service})

    assert "continuous" in refused(response, 409)
    server.delete(f"/jobs/{service}")


def test_runs_of_other_interfaces_are_jobs_too(server: CeligoServer) -> None:
    flow = server.flow()
    run = server.post(f"/jobs/{flow}/run", headers={"Prefer": "wait=20"}).json()
    alone = server.post("/runs", json={"task": "held", "name": "alone"}).json()

    found: list[Job] = [server.job(str(one["id"])) for one in (run, alone)]

    assert [(one["type"], one["_flowId"]) for one in found] == [("flow", flow), ("flow", None)]
    assert found[0]["status"] == "completed"
    for one in found:
        changed = server.put(f"/v1/jobs/{one['_id']}", json={"_integrationId": "i"}).json()
        assert (changed["_integrationId"], changed["type"]) == ("i", "flow")
        assert changed["_flowId"] == one["_flowId"]
