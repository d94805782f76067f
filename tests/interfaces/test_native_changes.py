"""The native API: jobs are changed, paused and resumed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.catalog import MASK
from jobsched.events import Event, listen
from jobsched.model import Policy, Role
from tests.support.native import Native, fields_of, finish, iso, native_api, shown


@pytest.fixture
def told() -> Iterator[list[Event]]:
    events: list[Event] = []
    end = listen(events.append)
    yield events
    end()


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


def test_all_that_is_wrong_with_a_change_is_told_at_once(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    body = {"interval": {"seconds": -1}, "priority": 1000, "params": {"x": 1}, "id": "5"}

    assert sorted(fields_of(client.put(path, json=body))) == [
        "id", "interval.seconds", "params.x", "priority",
    ]  # fmt: skip
    del body["priority"]
    assert sorted(fields_of(client.put(path, json={**body, "name": None, "task": "nope"}))) == [
        "id", "interval.seconds", "name",
    ]  # fmt: skip


def test_the_rights_of_a_job_are_checked_when_it_is_made_and_changed(
    api: Native, client: FlaskClient
) -> None:
    path = api.schedule(run_as="root")
    body = {"task": "example", "name": "fake", "interval": {"hours": 1}}

    assert fields_of(client.post("/jobs", json={**body, "run_as": "nosuch"})) == ["run_as"]
    assert fields_of(client.put(path, json={"run_as": "nosuch"})) == ["run_as"]
    both = client.post("/jobs", json={**body, "run_as": "nosuch", "priority": 1000})
    assert sorted(fields_of(both)) == ["priority", "run_as"]


def test_with_run_as_no_job_gets_the_rights_of_root_back(tmp_path: Path) -> None:
    with native_api(tmp_path, run_as="nobody") as api:
        path, client = api.schedule(run_as="daemon"), api.client()
        refused = client.put(path, json={"run_as": "root"})
        api.store.jobs.change(path.removeprefix("/jobs/"), None, {"policy": Policy(run_as="root")})
        kept = client.put(path, json={"run_as": "root", "name": "new"})

    assert refused.get_json()["errors"][0]["rule"] == "not_allowed"
    assert kept.status_code == 200


def test_with_leave_a_job_may_have_the_rights_of_root(tmp_path: Path) -> None:
    with native_api(tmp_path, run_as="nobody", allow_root_jobs=True) as api:
        assert shown(api.client(), api.schedule(run_as="root"))["run_as"] == "root"


def test_secrets_in_the_environment_are_for_admins(api: Native, client: FlaskClient) -> None:
    path = api.schedule(env={"DB_PASSWORD": "hush", "PLAIN": "x", "URL": "http://me:hush@there/"})
    tokens = {role: api.guarded.tokens.create(role) for role in Role}

    def seen(role: Role) -> dict[str, str]:
        response = client.get(path, headers={"Authorization": f"Bearer {tokens[role]}"})
        env: dict[str, str] = response.get_json()["env"]
        return env

    assert seen(Role.ADMIN)["DB_PASSWORD"] == "hush"
    for role in (Role.VIEWER, Role.OPERATOR):
        assert set(seen(role).values()) == {MASK}


def test_the_event_of_a_change_names_the_fields_that_made_it(
    api: Native, client: FlaskClient, told: list[Event]
) -> None:
    path = api.schedule(tags=["a"])
    body = {**shown(client, path), "interval": {"hours": 2}, "paused": True, "timeout": 9}

    client.put(path, json={**body, "retries": {"max": 2}, "tags": ["b"]})
    client.put(path, json={"name": "fake", "mode": "triggered"})

    changes = [event.fields["fields"] for event in told if event.name == "job changed"]
    assert changes == ["interval,paused,retries,tags,timeout", "mode"]


def test_a_change_of_an_older_version_is_refused(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    tag = client.get(path).headers["ETag"]
    fresh = client.put(path, json={"name": "first"}, headers={"If-Match": tag})

    stale = client.put(path, json={"name": "second"}, headers={"If-Match": tag})
    by_fresh = client.put(path, json={"name": "third"}, headers={"If-Match": fresh.headers["ETag"]})
    by_any = client.put(path, json={"name": "fourth"}, headers={"If-Match": "*"})

    assert [fresh.status_code, stale.status_code] == [200, 412]
    assert [by_fresh.status_code, by_any.status_code] == [200, 200]


def test_a_deletion_of_an_older_version_is_refused(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    tag = client.get(path).headers["ETag"]
    fresh = client.put(path, json={"name": "new"}).headers["ETag"]

    stale = client.delete(path, headers={"If-Match": tag})

    assert stale.status_code == 412
    assert client.get(path).status_code == 200
    assert client.delete(path, headers={"If-Match": fresh}).status_code == 200
    assert client.delete(path, headers={"If-Match": fresh}).status_code == 404


def test_a_run_does_not_make_a_tag_stale(api: Native, client: FlaskClient) -> None:
    path = api.schedule()
    tag = client.get(path).headers["ETag"]
    client.post(f"{path}/run")

    assert client.get(path).headers["ETag"] != tag
    assert client.put(path, json={"name": "new"}, headers={"If-Match": tag}).status_code == 200


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
    path, now = api.schedule(), clock.now()
    often = {"interval": {"seconds": 0.001}, "start": iso(now)}
    columns = {"trigger": often, "next_us": clock.to_us(now)}
    api.store.jobs.change(path.removeprefix("/jobs/"), None, columns)
    client.post(f"{path}/pause", json={"reason": "holiday"})
    client.post(f"{path}/resume")

    query = f"from=2020-01-01T00:00:00Z&to={iso(clock.now() - timedelta(seconds=0))}"
    rows = shown(client, f"{path}/occurrences?{query}")["values"]

    skipped = [row for row in rows if row["outcome"] == "skipped"]
    assert len(skipped) == 1
    assert skipped[0]["reason"] == "paused by loopback: holiday"
    assert skipped[0]["count"] > 1
    assert skipped[0]["first"] == skipped[0]["due_at"] < skipped[0]["last"]
