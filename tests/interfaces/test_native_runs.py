"""The native API: runs are asked for, shown, listed, waited for, stopped and retried."""

import threading
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient

from jobsched import clock
from jobsched.model import Counts
from tests.support.native import Native, begin, finish, iso, native_api, shown
from tests.support.waiting import until


def ids(client: FlaskClient, query: str) -> list[int]:
    return [run["id"] for run in shown(client, f"/runs?{query}")["values"]]


def test_a_task_can_be_run_without_a_job(api: Native, client: FlaskClient) -> None:
    body = {
        "task": "other",
        "name": "once",
        "priority": 5,
        "timeout": 0,
    }

    response = client.post("/runs", json=body)

    run = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == run["url"]
    assert {name: run[name] for name in ("task", "name", "priority", "job", "job_url")} == {
        "task": "other",
        "name": "once",
        "priority": 5,
        "job": None,
        "job_url": None,
    }
    assert run["queue"] == "slow"
    stored = api.store.runs.get(run["id"])
    assert stored is not None
    assert stored.policy.timeout == 0
    assert "supervisor" in api.woken


def test_a_run_has_its_tasks_name_unless_it_is_named(api: Native, client: FlaskClient) -> None:
    assert shown(client, f"/runs/{api.start()}")["name"] == "example"


def test_a_run_may_be_asked_for_later(api: Native, client: FlaskClient) -> None:
    moment = clock.now() + timedelta(hours=1)

    run = shown(client, f"/runs/{api.start(at=moment.isoformat())}")

    assert run["due_at"] == moment.isoformat().replace("+00:00", "Z")
    assert api.store.claims.claim("here", "boot", ["r1"], 10, clock.now_us()) == []


def test_a_run_for_later_waits_from_its_moment_on(api: Native, client: FlaskClient) -> None:
    run_id = api.start(at=(clock.now() + timedelta(hours=1)).isoformat())
    moment = clock.now_us() + 3_600_000_000
    (claim,) = api.store.claims.claim("h", "b", ["r"], 1, moment)

    api.store.claims.started([(run_id, claim.run.claim, moment + 2_000_000)])

    assert 2 <= shown(client, f"/runs/{run_id}")["queued_for"] < 3


def test_an_unknown_task_is_404(client: FlaskClient) -> None:
    assert client.post("/runs", json={"task": "nope"}).status_code == 404


def test_the_same_idempotency_key_makes_one_run(api: Native, client: FlaskClient) -> None:
    path = api.schedule(overlap="queue")
    for url, body in (("/runs", {"task": "example"}), (f"{path}/run", {})):
        made = {
            client.post(url, json=body, headers={"Idempotency-Key": "k"}).get_json()["id"]
            for _ in range(3)
        }
        assert len(made) == 1


def test_a_finished_run_tells_how_it_went(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    claim = begin(api, run_id)
    api.store.runs.report(run_id, claim, Counts(success=2, error=1), 0.5, "half")
    live = shown(client, f"/runs/{run_id}")
    finish(api, run_id, exit_code=3, out=b"hello\n")

    run = shown(client, f"/runs/{run_id}")

    assert (live["state"], live["outcome"], live["node"]) == ("running", None, "here")
    assert live["counts"] == {"success": 2, "error": 1, "ignore": 0}
    assert live["progress"] == {"fraction": 0.5, "text": "half"}
    assert (run["state"], run["outcome"], run["exit_code"], run["ended_by"]) == (
        "done",
        "failed",
        3,
        "exit",
    )
    assert run["duration"] == 2.5
    assert run["output"]["out"] == {
        "url": f"http://localhost/runs/{run_id}/output?stream=out",
        "bytes": 6,
        "kept": 6,
    }


def test_a_queued_run_says_what_it_waits_for(api: Native, client: FlaskClient) -> None:
    path = api.schedule(task="other")
    first, second = (client.post(f"{path}/run").get_json()["id"] for _ in range(2))
    moment = clock.now() + timedelta(hours=1)
    third, later = api.start(), api.start(at=moment.isoformat())

    def reasons() -> dict[int, str | None]:
        return {run["id"]: run["reason"] for run in shown(client, "/runs?state=queued")["values"]}

    assert reasons()[first] == "no supervisor is alive to start it"
    assert reasons()[later] == f"not before {iso(moment)}"
    beat(api, capacity=2)
    assert (reasons()[first], reasons()[third]) == (None, None)
    api.store.claims.claim("here", "boot", ["r1"], 1, clock.now_us())
    assert reasons()[second] == "another run of its job is still alive"
    beat(api, capacity=1)
    assert reasons()[third] == "no place is free: 1 of 1 are taken"
    assert shown(client, f"/runs/{third}")["reason"] == reasons()[third]
    assert shown(client, f"/runs/{first}")["reason"] is None


def beat(api: Native, capacity: int) -> None:
    now_us = clock.now_us()
    api.store.nodes.beat(
        name="here", boot_id="b", capacity=capacity, started_us=now_us, now_us=now_us, facts={}
    )


def test_runs_are_found_by_their_facts(api: Native, client: FlaskClient) -> None:
    good, bad, waiting = api.start(name="good"), api.start(task="other", name="bad"), 0
    finish(api, good)
    finish(api, bad, exit_code=1)
    path = api.schedule()
    waiting = client.post(f"{path}/run").get_json()["id"]
    uuid = path.removeprefix("/jobs/")
    created = shown(client, f"/runs/{bad}")["created_at"]

    assert ids(client, "") == [waiting, bad, good]
    assert ids(client, "state=queued") == [waiting]
    assert ids(client, "outcome=failed") == [bad]
    assert ids(client, f"job={uuid}") == [waiting]
    assert ids(client, "task=other") == [bad]
    assert ids(client, "node=here") == [bad, good]
    assert ids(client, f"since={created}") == [waiting, bad]
    assert ids(client, f"until={created}") == [good]
    assert ids(client, "q=GOO") == [good]
    assert ids(client, "job=nobody") == []


def test_runs_are_listed_page_by_page(api: Native, client: FlaskClient) -> None:
    made = [api.start() for _ in range(5)]

    first = client.get("/runs?limit=3&task=example")
    rest = shown(client, first.get_json()["next"])

    assert first.headers["Link"] == f'<{first.get_json()["next"]}>; rel="next"'
    found = [run["id"] for run in first.get_json()["values"] + rest["values"]]
    assert found == made[::-1]
    assert rest["next"] is None


def test_an_unchanged_run_is_not_sent_again(api: Native, client: FlaskClient) -> None:
    path = f"/runs/{api.start()}"
    tag = client.get(path).headers["ETag"]

    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_waiting_run_is_stopped_at_once(api: Native, client: FlaskClient) -> None:
    run_id = api.start()

    response = client.post(f"/runs/{run_id}/stop", json={"reason": "wrong one"})

    run = shown(client, f"/runs/{run_id}")
    assert (response.status_code, response.data) == (202, b"")
    assert response.headers["Location"] == run["url"]
    assert (run["state"], run["outcome"], run["reason"]) == (
        "done",
        "stopped",
        "stopped by loopback: wrong one",
    )


def test_a_living_run_is_asked_to_stop(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    begin(api, run_id)

    assert client.post(f"/runs/{run_id}/stop").status_code == 202

    assert shown(client, f"/runs/{run_id}")["state"] == "stopping"


def test_a_finished_run_cannot_be_stopped(api: Native, client: FlaskClient) -> None:
    run_id = api.start()
    finish(api, run_id)

    response = client.post(f"/runs/{run_id}/stop")

    assert response.status_code == 409
    assert response.get_json()["detail"] == f"Run {run_id} has finished and cannot be stopped."


def test_a_finished_run_can_be_retried(api: Native, client: FlaskClient) -> None:
    run_id = api.start(params={"who": "me"}, name="mine")
    early = client.post(f"/runs/{run_id}/retry")
    finish(api, run_id)

    response = client.post(f"/runs/{run_id}/retry")

    retry = response.get_json()
    assert (early.status_code, response.status_code) == (409, 202)
    assert response.headers["Location"] == retry["url"]
    assert (retry["retry_of"], retry["attempt"], retry["name"], retry["params"]) == (
        run_id,
        2,
        "mine",
        {"who": "me"},
    )


def test_failed_runs_are_retried_in_bulk_once(api: Native, client: FlaskClient) -> None:
    failed = [api.start(name="bad") for _ in range(3)]
    for run_id in failed:
        finish(api, run_id, exit_code=1)
    finish(api, api.start(name="good"))

    def retry(**body: object) -> tuple[int, int]:
        answer = client.post("/runs/retry", json=body).get_json()
        assert len(answer["runs"]) == answer["retried"]
        return answer["matched"], answer["retried"]

    assert retry(task="example", dry_run=True) == (3, 0)
    assert retry(task="other") == (0, 0)
    assert retry(state="queued") == (0, 0)
    assert retry(all=True, limit=1, dry_run=True) == (3, 0)
    assert retry(all=True, limit=1) == (3, 1)
    assert retry(outcome="failed") == (2, 2)
    assert retry(all=True) == (0, 0)


def test_a_client_may_wait_for_the_end(api: Native, client: FlaskClient) -> None:
    def work() -> None:
        until(lambda: api.store.runs.get(1), message="the run is queued")
        finish(api, 1)
        (api.settings.data_dir / "wake").mkdir(exist_ok=True)

    worker = threading.Thread(target=work)
    worker.start()

    response = client.post("/runs", json={"task": "example"}, headers={"Prefer": "wait=20"})

    worker.join()
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=20"
    assert response.get_json()["outcome"] == "succeeded"


def test_a_client_that_waits_in_vain_gets_202(api: Native, client: FlaskClient) -> None:
    response = client.post("/runs", json={"task": "example"}, headers={"Prefer": "wait=1"})

    assert response.status_code == 202
    assert response.get_json()["state"] == "queued"


def test_who_waits_in_vain_sees_the_run_as_it_is_by_then(api: Native, client: FlaskClient) -> None:
    def work() -> None:
        until(lambda: api.store.runs.get(1), message="the run is queued")
        begin(api, 1)

    worker = threading.Thread(target=work)
    worker.start()

    response = client.post("/runs", json={"task": "example"}, headers={"Prefer": "wait=1"})

    worker.join()
    assert response.status_code == 202
    assert response.get_json()["state"] == "running"
    assert response.get_json()["started_at"] is not None


def test_a_full_queue_refuses_more(tmp_path: Path) -> None:
    with native_api(tmp_path, queue_limit=2) as api:
        client, path = api.client(), api.schedule()
        finish(api, api.start())
        api.start()
        api.start()

        responses = [
            client.post("/runs", json={"task": "example"}),
            client.post(f"{path}/run"),
            client.post("/runs/1/retry"),
        ]

        begin(api, 3)
        again = client.post("/runs", json={"task": "example"})

    assert [response.status_code for response in responses] == [503, 503, 503]
    assert responses[0].get_json()["detail"] == "The queue is full: 2 runs wait already."
    assert again.status_code == 202
    assert all("Retry-After" in response.headers for response in responses)
