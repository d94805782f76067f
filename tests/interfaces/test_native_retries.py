"""The native API: what failed is run again, one by one or in bulk, and retries are listed."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.errors import DatabaseBusy, DiskFull, JobschedError
from jobsched.model import EndedBy
from jobsched.storage.newruns import NewRun
from jobsched.web.payloads import NewRetries, RetryList, RetryManyAnswer
from tests.support.native import Native, fields_of, finish, native_api, shown

NOWHERE = "/jobs/6b1e8a3e-6a3c-4c0e-9d0e-0b1a2c3d4e5f"


def job_of(api: Native, **fields: Any) -> str:
    return api.schedule(interval=..., mode="triggered", **{"overlap": "queue", **fields})


def failed(api: Native, path: str, exit_code: int = 1) -> int:
    """Return a run of the job at *path* that has failed."""
    run_id: int = api.client().post(f"{path}/run").get_json()["id"]
    finish(api, run_id, exit_code=exit_code)
    return run_id


def retried(response: Any) -> list[int]:
    """Return which runs a list of new runs retries."""
    assert response.status_code == 200, response.get_json()
    assert all(run["state"] == "queued" for run in response.get_json()["values"])
    return [run["retry_of"] for run in response.get_json()["values"]]


def refused(response: Any) -> tuple[int, str, str]:
    body = response.get_json()
    return response.status_code, body["type"], body["detail"]


def test_a_run_is_retried_once_and_its_failed_retry_then(api: Native, client: FlaskClient) -> None:
    run = failed(api, job_of(api))
    retry = client.post(f"/runs/{run}/retry").get_json()["id"]

    again = client.post(f"/runs/{run}/retry")
    finish(api, retry, exit_code=1)
    late = client.post(f"/runs/{run}/retry")
    third = client.post(f"/runs/{retry}/retry")

    detail = f"Run {run} cannot be retried: it has a retry: run {retry}"
    assert refused(again) == (409, "/errors/not-retriable", f"{detail} is queued.")
    assert refused(late) == (409, "/errors/not-retriable", f"{detail} failed; retry that one.")
    assert (third.status_code, third.get_json()["attempt"]) == (202, 3)


def test_retries_of_a_job_are_listed_with_what_they_retry(api: Native, client: FlaskClient) -> None:
    path = job_of(api)
    run, other = failed(api, path), failed(api, path)
    first = client.post(f"/runs/{run}/retry").get_json()["id"]
    finish(api, first, exit_code=1)
    second = client.post(f"/runs/{first}/retry").get_json()["id"]
    finish(api, second)
    third = client.post(f"/runs/{other}/retry").get_json()["id"]
    finish(api, third, exit_code=1)

    listed = shown(client, f"{path}/retries")

    rows = listed["values"]
    assert [(row["id"], row["retry_of"], row["retried_by"], row["open"]) for row in rows] == [
        (third, other, None, True),
        (second, first, None, False),
        (first, run, second, False),
    ]
    assert [(row["outcome"], row["attempt"]) for row in rows] == [
        ("failed", 2),
        ("succeeded", 3),
        ("failed", 2),
    ]
    assert rows[0]["url"].endswith(f"/runs/{third}")
    assert rows[0]["retry_of_url"].endswith(f"/runs/{other}")


def test_retries_are_listed_in_pages_and_of_a_deleted_job_too(
    api: Native, client: FlaskClient
) -> None:
    path = job_of(api)
    for run in [failed(api, path) for _ in range(3)]:
        finish(api, client.post(f"/runs/{run}/retry").get_json()["id"], exit_code=1)
    client.delete(path)

    first = shown(client, f"{path}/retries?limit=2")
    rest = shown(client, first["next"].removeprefix("http://localhost"))

    rows = first["values"] + rest["values"]
    assert ([row["open"] for row in rows], rest["next"]) == ([False] * 3, None)
    assert fields_of(client.get(f"{path}/retries?limit=0")) == ["limit"]


def test_a_failed_retry_of_a_job_is_retried_by_its_number(api: Native, client: FlaskClient) -> None:
    path, stranger = job_of(api), job_of(api, name="other")
    run = failed(api, path)
    retry = client.post(f"{path}/retry").get_json()["values"][0]["id"]
    early = client.post(f"{path}/retries/{retry}/retry")
    finish(api, retry, exit_code=1)

    answers = [
        client.post(f"{path}/retries/{run}/retry"),  # it is no retry
        client.post(f"{path}/retries/999999/retry"),
        client.post(f"{stranger}/retries/{retry}/retry"),
        client.post(f"{NOWHERE}/retries/{retry}/retry"),
    ]

    assert refused(early)[:2] == (409, "/errors/run-not-finished")
    assert [answer.status_code for answer in answers] == [404] * 4
    assert retried(client.post(f"{path}/retries/{retry}/retry")) == [retry]
    assert refused(client.post(f"{path}/retries/{retry}/retry"))[:2] == (
        409,
        "/errors/not-retriable",
    )


@pytest.mark.parametrize("code", [0, 1])
def test_a_retry_that_has_succeeded_is_no_failed_one(
    api: Native, client: FlaskClient, code: int
) -> None:
    path = job_of(api)
    run = failed(api, path, exit_code=code)
    retry = client.post(f"/runs/{run}/retry").get_json()["id"]
    finish(api, retry, exit_code=0)

    answer = client.post(f"{path}/retries/{retry}/retry")

    expected = (409, "/errors/nothing-to-retry", f"Run {retry} has succeeded.")
    assert refused(answer) == expected


def test_all_failed_retries_of_a_job_are_retried_at_once(api: Native, client: FlaskClient) -> None:
    path = job_of(api)
    runs = [failed(api, path) for _ in range(4)]
    retries = [client.post(f"/runs/{run}/retry").get_json()["id"] for run in runs[:3]]
    for retry, code in zip(retries, (1, 0, 1), strict=True):
        finish(api, retry, exit_code=code)

    response = client.put(f"{path}/retries/retry")

    assert retried(response) == [retries[2], retries[0]]
    NewRetries.model_validate_json(response.data)
    RetryList.model_validate_json(client.get(f"{path}/retries").data)
    assert response.get_json() == {
        **response.get_json(),
        "next": None,
        "refused": 0,
        "refusals": [],
        "left": 0,
        "reason": None,
    }
    status, kind, detail = refused(client.put(f"{path}/retries/retry"))
    assert (status, kind, "POST /runs/retry" in detail) == (409, "/errors/nothing-to-retry", True)


def test_retries_that_may_not_start_are_a_conflict_with_the_reason(
    api: Native, client: FlaskClient
) -> None:
    path = job_of(api, overlap="skip")
    retry = client.post(f"/runs/{failed(api, path)}/retry").get_json()["id"]
    finish(api, retry, exit_code=1)
    client.post(f"{path}/run")

    one = client.post(f"{path}/retries/{retry}/retry")
    every = client.put(f"{path}/retries/retry")
    newest = client.post(f"{path}/retry")

    assert {refused(answer)[0] for answer in (one, every, newest)} == {409}
    assert refused(one)[2] == refused(every)[2] == refused(newest)[2]
    assert "its overlap policy is skip" in refused(one)[2]


def test_in_bulk_what_is_refused_is_told_run_by_run(api: Native, client: FlaskClient) -> None:
    busy, free = job_of(api, overlap="skip"), job_of(api, name="free")
    runs = [failed(api, busy), failed(api, busy), failed(api, free)]

    response = client.post("/runs/retry", json={"task": "example"})

    RetryManyAnswer.model_validate_json(response.data)
    answer = response.get_json()
    made = [shown(client, f"/runs/{run}")["retry_of"] for run in answer["runs"]]
    assert made == [runs[2], runs[1]]
    assert (answer["matched"], answer["retried"], answer["refused"]) == (3, 2, 1)
    assert (answer["left"], answer["reason"]) == (0, None)
    assert [row["run"] for row in answer["refusals"]] == [runs[0]]
    assert "its overlap policy is skip" in answer["refusals"][0]["reason"]


def test_a_dry_run_counts_and_a_limit_leaves_the_rest(api: Native, client: FlaskClient) -> None:
    path = job_of(api)
    runs = [failed(api, path) for _ in range(3)]
    body = {"job": path.rsplit("/", 1)[1]}

    dry = client.post("/runs/retry", json={**body, "dry_run": True, "limit": 2}).get_json()
    real = client.post("/runs/retry", json={**body, "limit": 2}).get_json()

    assert (dry["matched"], dry["retried"], dry["left"]) == (3, 0, 3)
    assert (real["matched"], real["retried"], real["left"]) == (3, 2, 1)
    assert shown(client, f"/runs/{runs[0]}")["retried_by"] is None


def test_what_was_stopped_is_retried_only_when_asked_for(api: Native, client: FlaskClient) -> None:
    run = api.start()
    client.post(f"/runs/{run}/stop")

    everything = client.post("/runs/retry", json={"all": True}).get_json()
    stopped = client.post("/runs/retry", json={"outcome": "stopped"}).get_json()

    assert (everything["matched"], stopped["retried"]) == (0, 1)


def test_a_queue_that_fills_up_on_the_way_is_told_with_what_was_made(tmp_path: Path) -> None:
    with native_api(tmp_path, queue_limit=2) as api:
        client = api.client()
        runs = [failed(api, job_of(api, name=str(number))) for number in range(3)]

        partly = client.post("/runs/retry", json={"all": True})
        none = client.post("/runs/retry", json={"all": True})

    answer = partly.get_json()
    assert (partly.status_code, answer["retried"], answer["left"]) == (200, 2, 1)
    assert answer["reason"] == "The queue is full: 2 runs wait already."
    assert [api.store.runs.get(run).retry_of for run in answer["runs"]] == runs[:0:-1]  # type: ignore[union-attr]
    assert (none.status_code, none.get_json()["type"]) == (503, "/errors/queue-full")


@pytest.mark.parametrize("error", [DatabaseBusy("It is busy."), DiskFull("It is full.")])
def test_what_was_made_is_told_when_the_database_fails_on_the_way(
    api: Native, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: JobschedError
) -> None:
    path = job_of(api)
    runs = [failed(api, path) for _ in range(3)]
    monkeypatch.setattr("jobsched.operations.retries._AT_ONCE", 1)
    _fail_after(api, monkeypatch, error, times=2)
    headers = {"Idempotency-Key": "k"}

    first = client.post("/runs/retry", json={"all": True}, headers=headers)
    again = client.post("/runs/retry", json={"all": True}, headers=headers)
    none = client.post("/runs/retry", json={"all": True})

    answer = first.get_json()
    made = [shown(client, f"/runs/{run}")["retry_of"] for run in answer["runs"]]
    assert (first.status_code, made, answer["left"]) == (200, [runs[2], runs[1]], 1)
    assert (answer["reason"], again.get_json()) == (error.detail, answer)
    assert none.status_code == error.status
    assert shown(client, f"/runs/{runs[0]}")["retried_by"] is None


def _fail_after(
    api: Native, monkeypatch: pytest.MonkeyPatch, error: JobschedError, times: int
) -> None:
    """Let the database take *times* transactions of retries, and then refuse with *error*."""
    real, left = api.store.runs.retry_many, [times]

    def retry_many(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return real(*arguments)

    monkeypatch.setattr(api.store.runs, "retry_many", retry_many)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/runs/retry", {"all": True}),
        ("POST", "/runs/{retry}/retry", {}),
        ("POST", "{job}/retry", {}),
        ("POST", "{job}/retries/{retry}/retry", {}),
        ("PUT", "{job}/retries/retry", {}),
    ],
)
def test_the_same_idempotency_key_retries_once(
    api: Native, client: FlaskClient, method: str, path: str, body: dict[str, Any]
) -> None:
    job = job_of(api)
    retry = client.post(f"/runs/{failed(api, job)}/retry").get_json()["id"]
    finish(api, retry, exit_code=1)
    where = path.format(job=job, retry=retry)
    headers = {"Idempotency-Key": "once"}

    first = client.open(where, method=method, json=body, headers=headers)
    again = client.open(where, method=method, json=body, headers=headers)
    other = client.open(where, method=method, json={**body, "x": 1}, headers=headers)

    assert first.status_code in {200, 202}
    assert first.get_json() == again.get_json()
    assert len(shown(client, f"{job}/retries")["values"]) == 2
    assert other.status_code == 400


def test_runs_of_a_deleted_job_are_refused(api: Native, client: FlaskClient) -> None:
    path = job_of(api)
    retry = client.post(f"/runs/{failed(api, path)}/retry").get_json()["id"]
    finish(api, retry, exit_code=1)
    client.delete(path)

    one = client.post(f"/runs/{retry}/retry")
    gone = [
        client.post(f"{path}/retry"),
        client.post(f"{path}/retries/{retry}/retry"),
        client.put(f"{path}/retries/retry"),
    ]

    assert refused(one)[1:] == (
        "/errors/not-retriable",
        f"Run {retry} cannot be retried: its job has been deleted.",
    )
    assert [answer.status_code for answer in gone] == [404] * 3
    assert client.post("/runs/retry", json={"all": True}).get_json()["matched"] == 0


def test_web_jobs_wait_while_none_of_them_runs(api: Native, client: FlaskClient) -> None:
    run = api.store.runs.add(NewRun(name="a", task="WebJob", created_us=clock.now_us()))
    api.store.runs.request_stop(run.id, EndedBy.STOP, None, clock.now_us())
    api.operations.app_settings.put({"WEBJOBS_STOPPED": "1"}, "ada")

    held = client.post(f"/runs/{run.id}/retry")
    api.operations.app_settings.delete("WEBJOBS_STOPPED", "ada")

    assert refused(held)[::2] == (409, "No web job runs at present: WEBJOBS_STOPPED is set.")
    assert client.post(f"/runs/{run.id}/retry").status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "body", "fields"),
    [
        ("POST", "/runs/retry", {"all": True, "limit": 10_001}, ["limit"]),
        ("POST", "/runs/retry", {"al": True}, ["al"]),
        ("POST", "{job}/retries/1/retry", {"x": 1}, ["x"]),
        ("PUT", "{job}/retries/retry", {"x": 1}, ["x"]),
        ("PUT", "{job}/retries/retry", [], ["body"]),
    ],
)
def test_a_wrong_body_is_named(
    api: Native, client: FlaskClient, method: str, path: str, body: object, fields: list[str]
) -> None:
    response = client.open(path.format(job=job_of(api)), method=method, json=body)

    assert fields_of(response) == fields
