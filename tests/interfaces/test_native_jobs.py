"""The native API: jobs are scheduled, shown, listed, run and unscheduled."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from jobsched import clock
from tests.support.native import Native, begin, finish, iso, native_api, shown
from tests.support.waiting import until


def test_scheduling_answers_as_seed_002_shows(api: Native, client: FlaskClient) -> None:
    body = {"task": "example", "name": "fake", "interval": {"seconds": 1}}

    response = client.post("/jobs", json=body)

    assert response.status_code == 202
    assert response.data == b""
    assert response.headers["Content-Length"] == "0"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Location"].startswith("http://localhost/jobs/")
    assert "scheduler" in api.woken


def test_a_new_job_says_when_it_runs_in_both_forms(api: Native, client: FlaskClient) -> None:
    before = clock.now()
    path = api.schedule(interval={"hours": 30, "minutes": 1})

    job = shown(client, path)

    assert job["id"] == path.removeprefix("/jobs/")
    assert job["interval"] == "1 day, 6:01:00"
    moment = datetime.strptime(job["next_run"], "%Y-%m-%d %H:%M:%S.%f").astimezone()
    distance = timedelta(hours=30, minutes=1)
    assert before + distance <= moment <= clock.now() + distance
    assert job["next_run_at"] == iso(moment)
    assert job["trigger"]["description"] == "Every 1 day 6 hours 1 minute"


def test_next_run_always_has_six_digits(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., at="2099-01-01T00:00:00Z")

    local = datetime(2099, 1, 1, tzinfo=UTC).astimezone()
    assert shown(client, path)["next_run"] == f"{local:%Y-%m-%d %H:%M:%S}.000000"
    assert shown(client, path)["at"] == "2099-01-01T00:00:00Z"
    assert shown(client, path)["interval"] is None


def test_a_job_for_this_very_moment_is_due_at_once(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., at=iso(clock.now() - timedelta(seconds=20)))

    job = shown(client, path)

    assert abs(datetime.fromisoformat(job["next_run_at"]) - clock.now()) < timedelta(seconds=10)


def test_a_triggered_job_has_no_moments(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval=..., mode="triggered")

    job = shown(client, path)

    assert (job["mode"], job["state"], job["next_run"], job["trigger"]) == (
        "triggered",
        "active",
        None,
        None,
    )


def test_everything_that_is_said_about_a_job_is_shown(api: Native, client: FlaskClient) -> None:
    said: dict[str, Any] = {
        "params": {"who": "me"},
        "group": "nightly",
        "tags": ["a", "b"],
        "description": "Two\nlines.",
        "queue": "slow",
        "priority": -5,
        "max_instances": 3,
        "overlap": "replace",
        "misfire": {"grace": None, "catch_up": "all"},
        "timeout": 60,
        "idle_timeout": 0,
        "grace": 1.5,
        "retries": {"max": 2, "exit_codes": [75], "exceptions": ["OSError", "http.client.Error"]},
        "on_lost": "retry",
        "history": 7,
        "env": {"LEVEL": "debug"},
        "detach": True,
        "count": 9,
        "jitter": 2.5,
        "timezone": "Europe/Berlin",
    }
    path = api.schedule(**said)

    job = shown(client, path)

    retries = {"backoff": 10.0, "factor": 2.0, "max_backoff": 3600.0, "jitter": 0.0}
    assert {name: job[name] for name in said} == {
        **said,
        "retries": {**said["retries"], **retries},
    }


def test_defaults_come_from_the_task_and_the_settings(tmp_path: Path) -> None:
    with native_api(tmp_path) as api:
        job = shown(api.client(), api.schedule(task="other", interval={"minutes": 10}))

    assert (job["queue"], job["overlap"]) == ("slow", "queue")
    assert job["misfire"] == {"grace": 600.0, "catch_up": "last"}


def test_a_paused_job_can_be_scheduled(api: Native, client: FlaskClient) -> None:
    job = shown(client, api.schedule(paused=True))

    assert (job["state"], job["paused"], job["next_run"]) == ("paused", True, None)
    assert job["state_reason"] == "paused by loopback"


def test_the_same_idempotency_key_makes_one_job(api: Native, client: FlaskClient) -> None:
    body = {"task": "example", "name": "fake", "interval": {"seconds": 1}}
    headers = {"Idempotency-Key": "abc"}

    first = client.post("/jobs", json=body, headers=headers)
    again = client.post("/jobs", json=body, headers=headers)
    other = client.post("/jobs", json={**body, "name": "b"}, headers=headers)

    assert first.headers["Location"] == again.headers["Location"]
    assert len(shown(client, "/jobs")["values"]) == 1
    assert other.status_code == 422


def test_a_repeated_request_finds_what_it_made(api: Native, client: FlaskClient) -> None:
    soon = iso(clock.now() - timedelta(seconds=59.5))
    body = {"task": "example", "name": "fake", "at": soon}
    headers = {"Idempotency-Key": "abc"}
    first = client.post("/jobs", json=body, headers=headers)
    until(lambda: client.post("/jobs", json=body).status_code == 400, message="it is too late")

    again = client.post("/jobs", json=body, headers=headers)

    assert (again.status_code, again.headers["Location"]) == (202, first.headers["Location"])


def test_jobs_are_listed_page_by_page(api: Native, client: FlaskClient) -> None:
    paths = [api.schedule(name=f"job {number}") for number in range(5)]

    found: list[str] = []
    url: str | None = "/jobs?limit=2&task=example"
    while url:
        response = client.get(url)
        body = response.get_json()
        found += [job["id"] for job in body["values"]]
        assert (f'<{body["next"]}>; rel="next"' == response.headers.get("Link")) or not body["next"]
        url = body["next"]

    assert found == [path.removeprefix("/jobs/") for path in paths]


def test_jobs_are_found_by_their_fields(api: Native, client: FlaskClient) -> None:
    api.schedule(name="backup", group="nightly")
    api.schedule(name="report", task="other", paused=True, description="A needle.")
    api.schedule(name="Backup two", interval=..., mode="triggered")

    def names(query: str) -> list[str]:
        return [job["name"] for job in shown(client, f"/jobs?{query}")["values"]]

    assert names("name=backup") == ["backup"]
    assert names("task=other") == ["report"]
    assert names("group=nightly") == ["backup"]
    assert names("mode=triggered") == ["Backup two"]
    assert names("state=paused") == ["report"]
    assert names("q=backup") == ["backup", "Backup two"]
    assert names("q=NEEDLE") == ["report"]


def test_an_unchanged_job_is_not_sent_again(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    for url in (path, "/jobs"):
        tag = client.get(url).headers["ETag"]

        response = client.get(url, headers={"If-None-Match": tag})

        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag


def test_an_unscheduled_job_leaves_its_history(api: Native, client: FlaskClient) -> None:
    path = api.schedule(overlap="queue", max_instances=2)
    running = client.post(f"{path}/run").get_json()["id"]
    begin(api, running)
    waiting = client.post(f"{path}/run").get_json()["id"]

    response = client.delete(path)

    assert (response.status_code, response.data) == (200, b"")
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    assert shown(client, "/jobs")["values"] == []
    assert [run["id"] for run in shown(client, f"{path}/runs")["values"]] == [waiting, running]
    assert client.get(f"{path}/occurrences").status_code == 200
    assert shown(client, f"/runs/{waiting}")["outcome"] == "stopped"
    assert shown(client, f"/runs/{running}")["state"] == "running"


def test_unscheduling_may_stop_what_runs(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    run = client.post(f"{path}/run").get_json()["id"]
    begin(api, run)

    assert client.delete(f"{path}?stop=true").status_code == 200

    assert shown(client, f"/runs/{run}")["state"] == "stopping"


def test_run_now_queues_a_run_with_its_parameters(api: Native, client: FlaskClient) -> None:
    path = api.schedule(params={"who": "me", "greeting": "hi"}, priority=7)

    response = client.post(f"{path}/run", json={"params": {"who": "you"}})

    run = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == run["url"] == f"http://localhost/runs/{run['id']}"
    assert run["params"] == {"who": "you", "greeting": "hi"}
    assert (run["job_url"], run["requested_by"], run["due_at"], run["priority"]) == (
        f"http://localhost{path}",
        "loopback",
        None,
        7,
    )
    assert shown(client, path)["queued"] == 1
    assert shown(client, path)["last_run"]["id"] == run["id"]
    assert "supervisor" in api.woken


def test_a_second_run_is_refused_under_skip_only(api: Native, client: FlaskClient) -> None:
    skip, queue = api.schedule(), api.schedule(overlap="queue")

    for path, status in ((skip, 409), (queue, 202)):
        client.post(f"{path}/run")
        assert client.post(f"{path}/run").status_code == status


def test_retry_runs_the_newest_failed_run_again(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    failed = client.post(f"{path}/run").get_json()["id"]
    finish(api, failed, exit_code=3)

    response = client.post(f"{path}/retry")

    (retry,) = response.get_json()["values"]
    assert (response.status_code, response.get_json()["next"]) == (200, None)
    assert (retry["retry_of"], retry["attempt"]) == (failed, 2)
    assert shown(client, f"/runs/{failed}")["retried_by"] == retry["id"]
    finish(api, retry["id"])
    assert client.post(f"{path}/retry").status_code == 409


def test_planned_moments_come_first_and_in_pages(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 5})

    first = shown(client, f"{path}/occurrences?limit=3")
    rest = shown(client, first["next"])

    moments = [datetime.fromisoformat(row["due_at"]) for row in first["values"] + rest["values"]]
    assert [row["outcome"] for row in first["values"]] == ["planned"] * 3
    assert len(moments) == 4
    assert {late - early for early, late in zip(moments[1:], moments, strict=False)} == {
        timedelta(hours=5)
    }
    assert rest["next"] is None


def test_a_planned_moment_has_neither_run_nor_reason(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 20})

    (row,) = shown(client, f"{path}/occurrences")["values"]

    assert row == {
        "due_at": shown(client, path)["next_run_at"],
        "outcome": "planned",
        "reason": None,
        "run": None,
        "late_by": None,
    }
