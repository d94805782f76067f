"""PUT /reports/KEY: what is taken from reporters, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsched.model import EndedBy, Role
from tests.support.native import Native, fields_of, native_api
from tests.support.wrapping import ended, key, report


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as served:
        yield served


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def test_the_first_report_makes_a_run_and_the_next_ones_are_about_it(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"

    first = client.put(path, json=report())
    again = client.put(path, json=report())
    last = client.put(path, json=ended(exit_code=3))

    assert [each.status_code for each in (first, again, last)] == [201, 200, 200]
    assert first.headers["Location"] == last.headers["Location"]
    assert first.get_json()["heartbeat"] == 30
    assert [each.get_json()["state"] for each in (first, again, last)] == [
        "running", "running", "done",
    ]  # fmt: skip
    run = client.get(first.headers["Location"]).get_json()
    assert (run["node"], run["exit_code"], run["requested_by"]) == ("there", 3, "loopback")


def test_only_the_first_end_counts(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"
    client.put(path, json=ended(exit_code=3))

    again = client.put(path, json=ended(exit_code=4))

    assert client.get(again.headers["Location"]).get_json()["exit_code"] == 3


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"host": "a/b"}, "host"),
        ({"host": "x" * 65}, "host"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"started_at": ago(days=401)}, "started_at"),
        ({"started_at": ago(days=-2)}, "started_at"),
        ({"command": "x" * 8001}, "command"),
        ({"exit_code": 0}, "body"),
        ({"out": "eA=="}, "body"),
        ({"state": "done"}, "state"),
    ],
)
def test_what_cannot_be_is_refused(api: Native, fields: dict[str, Any], wrong: str) -> None:
    refused = api.client().put(f"/reports/{key()}", json=report(**fields))

    assert fields_of(refused) == [wrong]
    assert api.client().get("/runs").get_json()["values"] == []
    assert api.client().get("/jobs").get_json()["values"] == []


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"exit_code": 256}, "exit_code"),
        ({"exit_code": True}, "exit_code"),
        ({"exit_code": None}, "body"),
        ({"signal": 9}, "body"),
        ({"exit_code": None, "signal": 0}, "signal"),
        ({"ended_by": "kill"}, "ended_by"),
        ({"ended_at": ago(minutes=5)}, "ended_at"),
        ({"out": "no base64"}, "out"),
        ({"err": "x" * 175_000}, "err"),
        ({"err_bytes": -1}, "err_bytes"),
        ({"reason": "a\0b"}, "reason"),
    ],
)
def test_an_end_that_cannot_be_is_refused(api: Native, fields: dict[str, Any], wrong: str) -> None:
    refused = api.client().put(f"/reports/{key()}", json=ended(**fields))

    assert fields_of(refused) == [wrong]
    assert api.client().get("/runs").get_json()["values"] == []


@pytest.mark.parametrize("wrong", ["short", "x" * 65, "a.b.c.d.e.f.g.h.i.j", "%C3%A4" * 20])
def test_a_key_is_16_to_64_plain_characters(api: Native, wrong: str) -> None:
    assert fields_of(api.client().put(f"/reports/{wrong}", json=report())) == ["key"]


def test_a_report_may_come_as_late_as_a_year_after(api: Native) -> None:
    began = datetime.now(UTC) - timedelta(days=365)
    times = {
        "started_at": began.isoformat(),
        "ended_at": (began + timedelta(days=1)).isoformat(),
    }

    told = api.client().put(f"/reports/{key()}", json=ended(**times))

    run = api.client().get(told.headers["Location"]).get_json()
    assert (told.status_code, run["duration"], run["queued_for"]) == (201, 86400.0, 0.0)


def test_it_takes_an_operator(api: Native) -> None:
    statuses = {}
    for role in (Role.OPERATOR, Role.VIEWER):
        headers = {"Authorization": f"Bearer {api.guarded.tokens.create(role)}"}
        told = api.client().put(f"/reports/{key()}", json=report(), headers=headers)
        statuses[role] = told.status_code

    assert statuses == {Role.OPERATOR: 201, Role.VIEWER: 403}


def test_begin_and_end_are_in_the_audit_log_signs_of_life_are_not(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"

    for body in (report(), report(), report(), ended(), ended()):
        client.put(path, json=body)
    client.put(path, json=report(host="a/b"))

    assert [row.status for row in api.guarded.audit] == [201, 200, 400]


def test_the_wish_to_stop_is_in_the_answer(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"
    run = client.put(path, json=report()).headers["Location"]
    client.post(f"{run}/stop", json={"reason": "enough"})

    asked = client.put(path, json=report()).get_json()
    over = client.put(path, json=ended(exit_code=None, signal=15, ended_by="stop")).get_json()

    assert (asked["state"], asked["stop"]) == ("stopping", "stop")
    assert (over["state"], over["stop"]) == ("done", None)
    told = client.get(run).get_json()
    assert (told["outcome"], told["signal"]) == ("stopped", 15)
    assert told["reason"] == "stopped by loopback: enough"


def test_a_kill_is_told_apart_from_a_stop(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"
    run = client.put(path, json=report()).get_json()["run"]

    api.operations.runs.stop(run, "me", ended_by=EndedBy.KILL)

    assert client.put(path, json=report()).get_json()["stop"] == "kill"


def test_a_stop_wish_that_came_too_late_changes_no_end(api: Native) -> None:
    client, path = api.client(), f"/reports/{key()}"
    run = client.put(path, json=report()).headers["Location"]
    client.post(f"{run}/stop")

    client.put(path, json=ended())

    assert client.get(run).get_json()["outcome"] == "succeeded"
    assert client.post(f"{run}/stop").status_code == 409


def test_a_deleted_job_is_made_anew_by_the_next_report(api: Native) -> None:
    client = api.client()
    first = client.put(f"/reports/{key()}", json=ended()).get_json()
    assert client.delete(f"/jobs/{first['job']}").status_code == 200

    second = client.put(f"/reports/{key()}", json=ended()).get_json()
    gone = client.put(f"/reports/{key()}", json=ended(job=first["job"]))

    assert second["job"] != first["job"]
    assert gone.status_code == 404


def test_a_job_of_the_same_name_that_runs_here_is_another_one(api: Native) -> None:
    own = api.schedule(name="told")

    told = api.client().put(f"/reports/{key()}", json=ended()).get_json()

    assert told["job"] != own.rpartition("/")[2]
