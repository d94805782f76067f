"""The native API: jobs are scheduled, shown, listed, changed, paused, run and unscheduled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from tests.support.native import Native, begin, finish, native_api
from tests.support.waiting import until


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as made:
        yield made


@pytest.fixture
def client(api: Native) -> FlaskClient:
    return api.client()


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(client: FlaskClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200
    body: dict[str, Any] = response.get_json()
    return body


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
    said = {
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
        "retries": {"max": 2, "exit_codes": [75]},
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
        "retries": {"max": 2, "exit_codes": [75], **retries},
    }


def test_defaults_come_from_the_task_and_the_settings(tmp_path: Path) -> None:
    with native_api(tmp_path) as api:
        job = shown(api.client(), api.schedule(task="other", interval={"minutes": 10}))

    assert (job["queue"], job["overlap"]) == ("slow", "queue")
    assert job["misfire"] == {"grace": 600.0, "catch_up": "last"}


def test_a_paused_job_can_be_scheduled(api: Native, client: FlaskClient) -> None:
    job = shown(client, api.schedule(paused=True))

    assert (job["state"], job["paused"], job["next_run"]) == ("paused", True, None)


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
    api.schedule(name="report", task="other", paused=True)
    api.schedule(name="Backup two", interval=..., mode="triggered")

    def names(query: str) -> list[str]:
        return [job["name"] for job in shown(client, f"/jobs?{query}")["values"]]

    assert names("name=backup") == ["backup"]
    assert names("task=other") == ["report"]
    assert names("group=nightly") == ["backup"]
    assert names("mode=triggered") == ["Backup two"]
    assert names("state=paused") == ["report"]
    assert names("q=backup") == ["backup", "Backup two"]


def test_an_unchanged_job_is_not_sent_again(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    for url in (path, "/jobs"):
        tag = client.get(url).headers["ETag"]

        response = client.get(url, headers={"If-None-Match": tag})

        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag


def test_a_change_replaces_only_what_is_given(api: Native, client: FlaskClient) -> None:
    path = api.schedule(params={"who": "me"}, timeout=5)
    before = shown(client, path)

    response = client.put(path, json={"name": "new", "retries": {"max": 1}, "timeout": None})

    after = response.get_json()
    assert response.status_code == 200
    assert (after["name"], after["retries"]["max"], after["timeout"]) == ("new", 1, None)
    for field in ("params", "next_run", "interval", "start", "misfire"):
        assert after[field] == before[field]
    assert after["version"] == before["version"] + 1


def test_a_new_interval_counts_from_the_change(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 1})

    job = client.put(path, json={"interval": {"hours": 5}}).get_json()

    assert job["interval"] == "5:00:00"
    assert job["misfire"]["grace"] == 18_000
    distance = datetime.fromisoformat(job["next_run_at"]) - clock.now()
    assert timedelta(hours=4, minutes=59) < distance <= timedelta(hours=5)


def test_an_end_leaves_the_grid_of_the_interval_alone(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"hours": 1})
    before = shown(client, path)

    after = client.put(path, json={"end": "2999-01-01T00:00:00Z"}).get_json()

    assert (after["start"], after["next_run"]) == (before["start"], before["next_run"])
    assert after["end"] == "2999-01-01T00:00:00Z"


def test_a_job_may_get_another_kind_of_trigger(api: Native, client: FlaskClient) -> None:
    path = api.schedule()

    once = client.put(path, json={"at": "2099-01-01T00:00:00Z"}).get_json()
    asked = client.put(path, json={"mode": "triggered"}).get_json()
    again = client.put(path, json={"interval": {"days": 1}}).get_json()

    assert (once["at"], once["interval"]) == ("2099-01-01T00:00:00Z", None)
    assert (asked["mode"], asked["next_run"], asked["at"]) == ("triggered", None, None)
    assert (again["mode"], again["interval"]) == ("scheduled", "1 day, 0:00:00")


def test_an_answer_to_get_may_be_sent_back(api: Native, client: FlaskClient) -> None:
    path = api.schedule(end="2999-01-01T00:00:00Z", params={"who": "me"})
    finish(api, client.post(f"{path}/run").get_json()["id"])
    body = shown(client, path)

    response = client.put(path, json={**body, "description": "New."})

    assert response.status_code == 200
    assert response.get_json() == {
        **body,
        "description": "New.",
        "version": body["version"] + 1,
        "updated_at": response.get_json()["updated_at"],
    }


def test_what_moved_on_since_get_is_no_change(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    body = {**shown(client, path), "next_run": "2020-01-01 00:00:00.000000", "queued": 1}
    body["next_run_at"] = "2020-01-01T00:00:00Z"

    assert client.put(path, json=body).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "00000000-0000-0000-0000-000000000000"),
        ("next_run", "2999-01-01 00:00:00.000000"),
        ("next_run_at", 5),
        ("state", "finished"),
        ("version", 77),
        ("trigger", None),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("url", "http://elsewhere/"),
        ("last_run", {"id": 5}),
        ("queued", -1),
    ],
)
def test_a_read_only_field_cannot_be_changed(
    api: Native, client: FlaskClient, field: str, value: object
) -> None:
    path = api.schedule()
    before = shown(client, path)

    response = client.put(path, json={field: value, "name": "new"})

    assert response.status_code == 400
    assert [error["field"] for error in response.get_json()["errors"]] == [field]
    assert shown(client, path) == before


def test_a_change_of_an_older_version_is_refused(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    tag = client.get(path).headers["ETag"]
    fresh = client.put(path, json={"name": "first"}, headers={"If-Match": tag})

    stale = client.put(path, json={"name": "second"}, headers={"If-Match": tag})
    by_fresh = client.put(path, json={"name": "third"}, headers={"If-Match": fresh.headers["ETag"]})
    by_any = client.put(path, json={"name": "fourth"}, headers={"If-Match": "*"})

    assert [fresh.status_code, stale.status_code] == [200, 412]
    assert [by_fresh.status_code, by_any.status_code] == [200, 200]


def test_a_run_does_not_make_a_tag_stale(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    tag = client.get(path).headers["ETag"]
    client.post(f"{path}/run")

    assert client.get(path).headers["ETag"] != tag
    assert client.put(path, json={"name": "new"}, headers={"If-Match": tag}).status_code == 200


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


def test_a_pause_hides_the_next_run_until_it_is_over(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    until = iso(clock.now() + timedelta(days=1))

    paused = client.post(f"{path}/pause", json={"until": until, "reason": "holiday"}).get_json()
    again = client.post(f"{path}/pause", json={"reason": "longer"}).get_json()
    resumed = client.post(f"{path}/resume").get_json()

    assert (paused["state"], paused["next_run"], paused["next_run_at"]) == ("paused", None, None)
    assert paused["state_reason"] == "paused by loopback: holiday"
    assert paused["paused_until"] == until
    assert (again["state_reason"], again["paused_until"]) == ("paused by loopback: longer", None)
    assert (resumed["state"], resumed["paused"]) == ("active", False)
    assert resumed["next_run"] is not None
    assert client.post(f"{path}/resume").get_json()["version"] == resumed["version"]


def test_a_change_may_pause_and_resume(api: Native, client: FlaskClient) -> None:
    path = api.schedule()

    assert client.put(path, json={"paused": True}).get_json()["state"] == "paused"
    assert client.put(path, json={"paused": False}).get_json()["state"] == "active"


def test_a_pause_and_a_new_trigger_are_one_change(api: Native, client: FlaskClient) -> None:
    path = api.schedule()

    paused = client.put(path, json={"paused": True, "interval": {"hours": 2}}).get_json()
    resumed = client.put(path, json={"paused": False, "interval": {"hours": 3}}).get_json()

    assert (paused["state"], paused["interval"], paused["next_run"]) == ("paused", "2:00:00", None)
    assert (resumed["state"], resumed["interval"]) == ("active", "3:00:00")
    assert datetime.fromisoformat(resumed["next_run_at"]) > clock.now() + timedelta(hours=2)
    assert [paused["version"], resumed["version"]] == [2, 3]


def test_a_finished_job_can_neither_be_paused_nor_half_changed(
    api: Native, client: FlaskClient
) -> None:
    path = api.schedule()
    uuid = path.removeprefix("/jobs/")
    api.store.jobs.change(uuid, None, {"state": "finished", "next_us": None})
    before = shown(client, path)

    assert client.post(f"{path}/pause").status_code == 409
    assert client.put(path, json={"name": "new", "paused": True}).status_code == 409
    assert shown(client, path) == before
    revived = client.put(path, json={"paused": True, "interval": {"hours": 2}}).get_json()
    assert revived["state"] == "paused"


def test_a_blocked_job_is_repaired_by_a_new_trigger(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    broken = {"trigger": {"interval": "?"}, "state": "blocked", "next_us": None}
    api.store.jobs.change(path.removeprefix("/jobs/"), None, broken)
    assert shown(client, path)["state"] == "blocked"
    assert shown(client, "/jobs")["values"][0]["trigger"]["description"]

    job = client.put(path, json={"interval": {"hours": 2}}).get_json()

    assert (job["state"], job["interval"]) == ("active", "2:00:00")
    assert job["next_run"] is not None


def test_moments_in_a_pause_become_one_row(api: Native, client: FlaskClient) -> None:
    path = api.schedule(interval={"milliseconds": 1, "seconds": 0.001})
    client.post(f"{path}/pause", json={"reason": "holiday"})
    client.post(f"{path}/resume")

    query = f"from=2020-01-01T00:00:00Z&to={iso(clock.now() - timedelta(seconds=0))}"
    rows = shown(client, f"{path}/occurrences?{query}")["values"]

    skipped = [row for row in rows if row["outcome"] == "skipped"]
    assert len(skipped) == 1
    assert skipped[0]["reason"] == "paused by loopback: holiday"
    assert skipped[0]["count"] > 1
    assert skipped[0]["first"] == skipped[0]["due_at"] < skipped[0]["last"]


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

    retry = response.get_json()
    assert response.status_code == 202
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
