"""Continuous jobs through the core API, without a machine that runs them."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched.clock import SECOND
from jobsched.model import End, EndedBy, ServiceState
from jobsched.storage.claims import Settlement
from jobsched.storage.services import Leave, Wish
from tests.support.native import Native, fields_of, shown


def add(api: Native, **fields: Any) -> str:
    return api.schedule(mode="continuous", interval=..., **fields)


def key_of(api: Native, path: str) -> int:
    job = api.store.jobs.get(path.removeprefix("/jobs/"))
    assert job is not None
    return job.key


def begin(api: Native, path: str, node: str = "here") -> int:
    """Let a machine start a service; return its run's id."""
    wish = Wish(job_key=key_of(api, path), node=node, runner="r", boot_id="b")
    [claim] = api.store.services.begin([wish], 1_700_000_000 * SECOND)
    return claim.run.id


def test_a_continuous_job_needs_no_moment(api: Native, client: FlaskClient) -> None:
    path = add(api, singleton=True)

    job = shown(client, path)

    assert (job["mode"], job["state"], job["singleton"]) == ("continuous", "active", True)
    assert (job["next_run"], job["interval"], job["trigger"]) == (None, None, None)
    assert job["service"] == []
    assert "supervisor" in api.woken


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "continuous", "interval": {"hours": 1}}, "interval"),
        ({"mode": "continuous", "cron": "* * * * *"}, "cron"),
        ({"mode": "continuous", "timezone": "UTC"}, "timezone"),
        ({"mode": "continuous", "singleton": "yes"}, "singleton"),
        ({"mode": "triggered", "singleton": True}, "singleton"),
        ({"interval": {"hours": 1}, "singleton": True}, "singleton"),
        ({"interval": {"hours": 1}, "health": {"command": ["true"]}}, "health"),
        ({"mode": "continuous", "health": {}}, "health"),
        ({"mode": "continuous", "health": {"command": []}}, "health"),
        ({"mode": "continuous", "health": {"command": "true"}}, "health.command"),
        ({"mode": "continuous", "health": {"command": [""]}}, "health.command[0]"),
        ({"mode": "continuous", "health": {"command": ["a"], "url": "http://[::1]"}}, "health"),
        ({"mode": "continuous", "health": {"url": "https://127.0.0.1/"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://example.com/"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://127.0.0.1.example.com"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://localhost@10.0.0.1/"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://localhost:99999/"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://127.0.0.256/"}}, "health.url"),
        ({"mode": "continuous", "health": {"url": "http://localhost/a b"}}, "health.url"),
        ({"mode": "continuous", "health": {"command": ["a"], "interval": 0}}, "health.interval"),
        ({"mode": "continuous", "health": {"command": ["a"], "failures": 0}}, "health.failures"),
    ],
)
def test_what_does_not_go_with_the_mode_is_named(
    client: FlaskClient, changes: dict[str, Any], field: str
) -> None:
    response = client.post("/jobs", json={"task": "example", "name": "x", **changes})

    assert fields_of(response) == [field]


def test_how_its_health_is_checked_is_shown_and_changed(api: Native, client: FlaskClient) -> None:
    path = add(api, health={"url": "http://localhost:8080/alive?deep=1", "failures": 2})

    job = shown(client, path)
    same = client.put(path, json=job).get_json()
    other = client.put(path, json={"health": {"command": ["curl", "-f", "x"]}}).get_json()
    none = client.put(path, json={"health": None}).get_json()

    assert job["health"] == {
        "command": None,
        "url": "http://localhost:8080/alive?deep=1",
        "interval": 30,
        "timeout": 5,
        "failures": 2,
    }
    assert same == job
    assert (other["health"]["command"], other["health"]["url"]) == (["curl", "-f", "x"], None)
    assert other["health"]["failures"] == 3
    assert none["health"] is None


def test_other_jobs_have_no_service(api: Native, client: FlaskClient) -> None:
    assert shown(client, api.schedule())["service"] is None


def test_where_it_stands_is_shown_for_each_machine(api: Native, client: FlaskClient) -> None:
    path = add(api)
    run = begin(api, path)
    begin(api, path, "there")

    here, there = shown(client, path)["service"]

    assert here == {
        "node": "here",
        "state": "starting",
        "run": run,
        "since": "2023-11-14T22:13:20Z",
        "next_try": None,
        "restarts": 0,
        "exits": 0,
    }
    assert (there["node"], there["state"]) == ("there", "starting")
    assert shown(client, path)["running"] == 2
    listed = client.get("/jobs", query_string={"mode": "continuous"}).get_json()["values"]
    assert [len(job["service"]) for job in listed] == [2]


def test_when_it_is_tried_again_is_shown(api: Native, client: FlaskClient) -> None:
    path, now_us = add(api), 1_700_000_000 * SECOND
    run = begin(api, path)
    leave = Leave(
        job_key=key_of(api, path),
        node="here",
        run_id=run,
        state=ServiceState.WAITING,
        next_try_us=now_us + 60 * SECOND,
        exits=1,
    )
    end = End(run_id=run, claim=1, ended_by=EndedBy.EXIT, exit_code=1, ended_us=now_us)
    api.store.services.settle([Settlement(end=end)], [leave], now_us)

    [service] = shown(client, path)["service"]

    assert (service["state"], service["run"], service["exits"]) == ("waiting", None, 1)
    assert service["next_try"] == "2023-11-14T22:14:20Z"


def test_stop_and_start_may_be_said_twice(api: Native, client: FlaskClient) -> None:
    path = add(api)

    stopped, again = (client.post(f"{path}/stop") for _ in range(2))
    assert [response.status_code for response in (stopped, again)] == [200, 200]
    assert (stopped.get_json()["state"], stopped.get_json()["paused"]) == ("paused", True)
    assert again.get_json() == stopped.get_json()
    api.woken.clear()

    started, again = (client.post(f"{path}/start") for _ in range(2))
    assert [response.status_code for response in (started, again)] == [200, 200]
    assert started.get_json()["state"] == "active"
    assert again.get_json() == started.get_json()
    assert "supervisor" in api.woken


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_only_continuous_jobs_are_started_and_stopped(
    api: Native, client: FlaskClient, verb: str
) -> None:
    response = client.post(f"{api.schedule()}/{verb}")

    assert response.status_code == 409
    assert response.get_json()["type"] == "/errors/wrong-mode"
    unknown = client.post(f"/jobs/00000000-0000-4000-8000-000000000000/{verb}")
    assert unknown.status_code == 404


def test_pause_and_resume_are_the_same(api: Native, client: FlaskClient) -> None:
    path = add(api)

    client.post(f"{path}/pause", json={"reason": "lunch"})
    assert "lunch" in shown(client, path)["state_reason"]
    client.post(f"{path}/resume")

    assert shown(client, path)["state"] == "active"


def test_it_can_be_made_stopped(api: Native, client: FlaskClient) -> None:
    path = add(api, paused=True)

    assert shown(client, path)["state"] == "paused"
    assert client.post(f"{path}/start").get_json()["state"] == "active"


def test_a_stop_outlasts_a_pause_with_an_end(api: Native, client: FlaskClient) -> None:
    path = add(api)
    client.post(f"{path}/pause", json={"until": "2099-01-01T00:00:00Z"})

    stopped = client.post(f"{path}/stop").get_json()

    assert (stopped["state"], stopped["paused_until"]) == ("paused", None)


def test_it_is_not_run_by_hand_and_its_runs_are_not_retried(
    api: Native, client: FlaskClient
) -> None:
    path = add(api)
    run = begin(api, path)
    end = End(run_id=run, claim=1, ended_by=EndedBy.EXIT, exit_code=1, ended_us=SECOND)
    leave = Leave(job_key=key_of(api, path), node="here", run_id=run, state=ServiceState.STOPPED)
    api.store.services.settle([Settlement(end=end)], [leave], SECOND)

    asked, retried = client.post(f"{path}/run"), client.post(f"/runs/{run}/retry")

    assert (asked.status_code, retried.status_code) == (409, 409)
    assert asked.get_json()["type"] == retried.get_json()["type"] == "/errors/wrong-mode"
    assert client.post(f"{path}/retry").get_json()["type"] == "/errors/wrong-mode"
    assert client.put(f"{path}/retries/retry").get_json()["type"] == "/errors/wrong-mode"
    assert shown(client, f"{path}/retries") == {"values": [], "next": None}
    assert client.post("/runs/retry", json={"all": True}).get_json()["matched"] == 0


def test_it_is_changed_like_any_other_job(api: Native, client: FlaskClient) -> None:
    path = add(api)
    job = shown(client, path)

    same = client.put(path, json=job)
    api.woken.clear()
    changed = client.put(path, json={"params": {"who": "me"}, "singleton": True})

    assert same.get_json() == job
    assert changed.get_json()["params"] == {"who": "me"}
    assert changed.get_json()["singleton"] is True
    assert "supervisor" in api.woken


@pytest.mark.parametrize(
    ("made", "change", "field"),
    [
        ({"mode": "continuous", "interval": ...}, {"mode": "triggered"}, "mode"),
        ({"mode": "continuous", "interval": ...}, {"interval": {"hours": 1}}, "interval"),
        ({}, {"mode": "continuous"}, "mode"),
        ({}, {"singleton": True}, "singleton"),
    ],
)
def test_no_job_becomes_continuous_or_ceases_to_be(
    api: Native, client: FlaskClient, made: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    path = api.schedule(**made)

    assert fields_of(client.put(path, json=change)) == [field]


def test_deleting_it_wakes_the_machines_that_stop_it(api: Native, client: FlaskClient) -> None:
    path = add(api)
    begin(api, path)
    key = key_of(api, path)
    api.woken.clear()

    assert client.delete(path).status_code == 200

    assert "supervisor" in api.woken
    assert api.store.services.differences("here", SECOND) == ([], [key])


def test_the_status_counts_services(api: Native, client: FlaskClient) -> None:
    path = add(api)
    begin(api, path)
    begin(api, path, "there")

    assert client.get("/status").get_json()["services"] == {"starting": 2}
