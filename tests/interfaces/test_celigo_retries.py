"""Seed 003, retries: of a job, of one failed record, of all; each test named by its clause."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.celigo import CeligoServer, Job, numbers, refused
from tests.support.records import counts, records
from tests.support.runs import output, row

WRONG = [*range(27, 1001, 27)]  # 37 of them
STILL = WRONG[::5]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeligoServer]:
    with CeligoServer(tmp_path_factory.mktemp("celigo")) as server:
        yield server


def customers(server: CeligoServer, *wrong: list[int], **params: Any) -> Job:
    """Run a flow whose records *wrong* fail, for each attempt; return the job when it is over."""
    flow = server.flow("customers", params={"wrong": [*wrong], **params})
    return server.over(server.run(flow))


def retried(server: CeligoServer, path: str, method: str = "POST") -> Any:
    response = server.request(method, f"/v1/jobs/{path}")
    assert response.status_code == 200, response.text
    return response.json()


def test_C6_a_retry_is_a_new_job_of_type_retry(server: CeligoServer) -> None:
    job = customers(server, [1, 2])

    retry = retried(server, f"{job['_id']}/retry")

    assert retry["_id"] != job["_id"]
    assert (retry["type"], retry["_retryOfJobId"]) == ("retry", job["_id"])
    assert retry["_flowId"] == job["_flowId"]
    assert retry["status"] in {"queued", "running", "completed"}
    assert server.over(retry)["_retryOfJobId"] == job["_id"]


def test_C7_what_has_not_failed_is_not_retried(server: CeligoServer) -> None:
    flow = server.held("c7")
    running, queued = server.run(flow), server.run(flow)
    server.reaches(running, "running")
    clean = customers(server)
    before = len(server.listed())

    for job in (running, queued, clean):
        refused(server.post(f"/v1/jobs/{job['_id']}/retry"), 422)

    assert len(server.listed()) == before
    server.open("c7")


def test_C7_what_is_being_retried_is_not_retried_again(server: CeligoServer) -> None:
    job = server.run(server.held("c7b", code=1))
    server.open("c7b")
    server.over(job)
    retry = retried(server, f"{job['_id']}/retry")

    message = refused(server.post(f"/v1/jobs/{job['_id']}/retry"), 422)

    assert f"run {retry['_id']}" in message


def test_C8_one_failed_record_is_retried(server: CeligoServer) -> None:
    job = customers(server, [5, 6])
    [five, six] = server.errors(job)

    retry = retried(server, f"{job['_id']}/retries/{five['_retryId']}/retry")
    server.over(retry)

    assert (retry["type"], retry["_retryOfJobId"]) == ("retry", job["_id"])
    assert output(server, int(retry["_id"])).decode().split() == ["customers", "5"]
    assert numbers(server.job(job)) == (999, 1, 0)
    assert [one["resolved"] for one in server.errors(job)] == [True, False]
    again = server.post(f"/v1/jobs/{job['_id']}/retries/{five['_retryId']}/retry")
    assert "resolved" in refused(again, 422)
    assert server.job(job)["retriable"] is True
    assert six["retriable"] is True


def test_C9_all_that_is_still_failed_is_retried_wherever_it_failed_last(
    server: CeligoServer,
) -> None:
    job = customers(server, [1, 2, 3], [1])
    first = server.errors(job)[0]
    one = server.over(retried(server, f"{job['_id']}/retries/{first['_retryId']}/retry"))
    assert numbers(one) == (0, 1, 0)

    made = retried(server, f"{job['_id']}/retries/retry", "PUT")

    assert {each["_retryOfJobId"] for each in made} == {job["_id"], one["_id"]}
    given = [output(server, int(server.over(each)["_id"])).decode().split() for each in made]
    assert sorted(given) == [["customers", "1"], ["customers", "2", "3"]]
    assert numbers(server.job(job)) == (1000, 0, 0)
    refused(server.put(f"/v1/jobs/{job['_id']}/retries/retry"), 422)


@pytest.mark.parametrize("record", ["0", "999999999", "9" * 18, "9" * 30, "abc", "-1"])
def test_C10_an_unknown_record_is_404(server: CeligoServer, record: str) -> None:
    job = customers(server, [1])

    refused(server.post(f"/v1/jobs/{job['_id']}/retries/{record}/retry"), 404)


def test_C10_the_record_of_another_job_is_404(server: CeligoServer) -> None:
    job, other = customers(server, [1]), customers(server, [1])
    [record] = server.errors(other)

    refused(server.post(f"/v1/jobs/{job['_id']}/retries/{record['_retryId']}/retry"), 404)
    assert server.errors(other)[0]["retriable"] is True


def test_C13_a_job_is_completed_though_records_failed(server: CeligoServer) -> None:
    job = customers(server, [1, 2, 3])
    by_exit = customers(server, [4], exit=3)
    silent = customers(server, silent=True, exit=3)

    assert (job["status"], numbers(job)) == ("completed", (997, 3, 0))
    assert (by_exit["status"], numbers(by_exit)) == ("completed", (999, 1, 0))
    assert (silent["status"], numbers(silent)) == ("failed", (0, 1, 0))


def test_C14_of_1000_records_a_retry_gets_the_37_that_failed_and_the_next_the_rest(
    server: CeligoServer,
) -> None:
    job = customers(server, WRONG, STILL)
    assert (job["status"], numbers(job), job["retriable"]) == ("completed", (963, 37, 0), True)

    first = server.over(retried(server, f"{job['_id']}/retry"))

    assert output(server, int(first["_id"])).decode().split() == ["customers", *map(str, WRONG)]
    assert (numbers(first), numbers(server.job(job))) == ((29, 8, 0), (992, 8, 0))
    assert (first["retriable"], server.job(job)["retriable"]) == (True, False)
    message = refused(server.post(f"/v1/jobs/{job['_id']}/retry"), 422)
    assert f"run {first['_id']}" in message

    second = server.over(retried(server, f"{first['_id']}/retry"))

    assert output(server, int(second["_id"])).decode().split() == ["customers", *map(str, STILL)]
    every = [server.job(one) for one in (job, first, second)]
    assert [numbers(one) for one in every] == [(1000, 0, 0), (37, 0, 0), (8, 0, 0)]
    assert not any(one["retriable"] for one in every)
    assert [one["_retryOfJobId"] for one in every] == [None, job["_id"], first["_id"]]
    core = [row(server, int(one["_id"])) for one in every]
    assert [counts(one) for one in core] == [numbers(one) for one in every]
    assert [one["retry_of"] for one in core] == [None, int(job["_id"]), int(first["_id"])]
    family = server.get(f"/v1/jobs/{job['_id']}/family").json()
    assert family == {**every[0], "children": every[1:]}


def test_C14_errors_are_the_same_in_both_interfaces(server: CeligoServer) -> None:
    job = customers(server, [3, 1])

    found = server.errors(job, limit=1)

    core = records(server, int(job["_id"]))
    assert [int(one["_retryId"]) for one in found] == [one["retry_id"] for one in core]
    assert [(one["message"], one["code"]) for one in found] == [
        ("no customer 1", "E404"),
        ("no customer 3", "E404"),
    ]
    assert {one["_jobId"] for one in found} == {job["_id"]}
    assert {one["source"] for one in found} == {"customers"}


def test_C15_a_retry_waits_for_the_running_job_of_its_flow(server: CeligoServer) -> None:
    flow = server.held("c15", code=1, overlap="skip")
    job = server.run(flow)
    server.open("c15")
    server.over(job)
    (server.folder / "gates" / "c15").unlink()
    server.reaches(server.run(flow), "running")

    retry = retried(server, f"{job['_id']}/retry")

    assert server.job(retry)["status"] == "queued"
    server.open("c15")
    assert server.over(retry)["status"] == "failed"


def test_C21_retriable_says_whether_a_retry_has_something_to_do(server: CeligoServer) -> None:
    job = customers(server, [1])
    assert job["retriable"] is True

    server.over(retried(server, f"{job['_id']}/retry"))

    assert server.job(job)["retriable"] is False


def test_what_a_retry_gets_is_read_and_changed(server: CeligoServer) -> None:
    job = customers(server, [5])
    [error] = server.errors(job)
    place = f"/v1/retries/{error['_retryId']}/data"

    assert f"{error['data']['host']}/{error['data']['id']}" == server.url + place
    assert server.get(place).json() == {"id": 5}
    changed = server.put(place, json={"id": 500})
    assert (changed.status_code, changed.json()) == (200, {"id": 500})
    retry = server.over(retried(server, f"{job['_id']}/retry"))
    assert output(server, int(retry["_id"])).decode().split() == ["customers", "500"]
    assert "resolved" in refused(server.put(place, json={"id": 1}), 409)


@pytest.mark.parametrize("data", ["text", 7, None, [1, {"a": None}], True])
def test_what_a_retry_gets_is_any_json_value(server: CeligoServer, data: Any) -> None:
    [error] = server.errors(customers(server, [5]))
    place = f"/v1/retries/{error['_retryId']}/data"

    response = (
        server.put(place, json=data)
        if data is not None
        else server.put(place, data=b"null", headers={"Content-Type": "application/json"})
    )

    assert (response.status_code, response.json()) == (200, data)
    assert server.get(place).json() == data


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"a": 1, "a": 2}', b"[" * 40 + b"]" * 40, b'"' + b"x" * 270_000]
)
def test_data_that_is_no_sound_json_is_refused(server: CeligoServer, body: bytes) -> None:
    [error] = server.errors(customers(server, [5]))
    place = f"/v1/retries/{error['_retryId']}/data"

    response = server.put(place, data=body, headers={"Content-Type": "application/json"})

    refused(response, 400)
    assert server.get(place).json() == {"id": 5}


def test_data_that_is_too_large_is_refused(server: CeligoServer) -> None:
    [error] = server.errors(customers(server, [5]))

    response = server.put(f"/v1/retries/{error['_retryId']}/data", json="x" * 262_145)

    assert "262144 bytes" in refused(response, 400)


@pytest.mark.parametrize("record", ["0", "9" * 18, "9" * 30, "abc"])
def test_the_data_of_an_unknown_record_is_404(server: CeligoServer, record: str) -> None:
    refused(server.get(f"/v1/retries/{record}/data"), 404)
    refused(server.put(f"/v1/retries/{record}/data", json={}), 404)


def test_a_family_has_the_parts_of_a_flow(server: CeligoServer) -> None:
    flow = server.flow("customers", params={"wrong": [[1]]}, overlap="queue")
    parent = server.over(server.run(flow))
    part = server.run(flow, type="export", _exportId="orders", _flowJobId=parent["_id"])
    server.over(part)
    retry = server.over(retried(server, f"{part['_id']}/retry"))

    family = server.get(f"/v1/jobs/{parent['_id']}/family").json()

    shown = [(one["_id"], one["type"], one["_exportId"]) for one in family["children"]]
    assert shown == [(part["_id"], "export", "orders"), (retry["_id"], "retry", "orders")]
    assert family["_id"] == parent["_id"]
    refused(server.get("/v1/jobs/999999/family"), 404)


def test_errors_come_in_pages(server: CeligoServer) -> None:
    job = customers(server, WRONG)

    response = server.get(f"/v1/jobs/{job['_id']}/joberrors", params={"limit": 10})

    assert len(response.json()) == 10
    assert "next" in response.links
    assert len(server.errors(job, limit=10)) == 37
    refused(server.get(f"/v1/jobs/{job['_id']}/joberrors", params={"limit": 1001}), 400)
    refused(server.get("/v1/jobs/999999/joberrors"), 404)
