"""Jobs by the clock on the real server: each moment runs, exactly once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.server import Server
from tests.support.waiting import until

SECOND = timedelta(seconds=1)
MANY = {"max_instances": 20}  # a slow machine shall not skip a moment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


def schedule(server: Server, **trigger: object) -> str:
    """Schedule a job of the task example; return its path."""
    response = server.post("/jobs", json={"task": "example", "name": "by the clock", **trigger})
    assert response.status_code == 202, response.text
    return response.headers["Location"].removeprefix(server.url)


def show(server: Server, path: str) -> dict[str, Any]:
    body: dict[str, Any] = server.get(path).json()
    return body


def past(server: Server, path: str) -> list[dict[str, Any]]:
    """Return the moments of the job that have been decided, oldest first."""
    rows = show(server, f"{path}/occurrences?to={iso(datetime.now(UTC))}")["values"]
    return [row for row in reversed(rows) if row["outcome"] != "planned"]


def moments(rows: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(row["due_at"]) for row in rows]


def soon(seconds: int) -> datetime:
    """Return a whole second, at least *seconds* ahead."""
    return (datetime.now(UTC) + (seconds + 1) * SECOND).replace(microsecond=0)


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_a_job_of_every_second_fires_each_second_exactly_once(server: Server) -> None:
    path = schedule(server, cron="* * * * * *", **MANY)

    rows = until(lambda: found if len(found := past(server, path)) >= 6 else [], 15)

    due = moments(rows)
    assert due == [due[0] + number * SECOND for number in range(len(due))]
    assert {row["outcome"] for row in rows} <= {"ran", "late"}
    assert server.delete(path).status_code == 200
    assert len({run["due_at"] for run in server.runs(path)}) == len(server.runs(path))


def test_two_triggers_of_one_job_share_their_moments(server: Server) -> None:
    shared = soon(2).second // 2 * 2 % 60
    even, one = {"cron": "*/2 * * * * *"}, {"cron": f"{shared} * * * * *"}
    path = schedule(server, any=[even, one], **MANY)

    rows = until(lambda: found if len(found := past(server, path)) >= 4 else [], 15)

    due = moments(rows)
    assert shared in {moment.second for moment in due}
    assert due == [due[0] + 2 * number * SECOND for number in range(len(due))]
    assert all(moment.second % 2 == 0 for moment in due)
    server.delete(path)


def test_a_recurrence_without_a_start_runs_at_once_and_a_minute_later(server: Server) -> None:
    path = schedule(server, recurrence={"frequency": "minute"})

    (run,) = server.finished(path, 1, 10)

    job = show(server, path)
    first, after = (datetime.fromisoformat(text) for text in (run["due_at"], job["next_run_at"]))
    assert after - first == timedelta(minutes=1)
    assert job["state"] == "active"


@pytest.mark.parametrize("kind", ["at", "recurrence", "cron", "any"])
def test_P18_a_job_of_one_moment_runs_once_and_stays_as_finished(server: Server, kind: str) -> None:
    moment = soon(1)
    once = f"{moment.second} {moment.minute} {moment.hour} * * *"
    triggers: dict[str, dict[str, Any]] = {
        "at": {"at": iso(moment)},
        "recurrence": {"recurrence": {"frequency": "day", "count": 1}, "startTime": iso(moment)},
        "cron": {"cron": once, "count": 1},
        "any": {"any": [{"cron": once}, {"at": iso(moment)}], "count": 1},
    }
    path = schedule(server, **triggers[kind])

    until(lambda: show(server, path)["state"] == "finished", 15)

    (run,) = server.finished(path)
    job = show(server, path)
    assert datetime.fromisoformat(run["due_at"]) == moment
    assert (job["next_run"], job["state"]) == (None, "finished")
    assert job["id"] in [each["id"] for each in show(server, "/jobs?state=finished")["values"]]
    assert [row["outcome"] for row in past(server, path)] == ["ran"]


def test_a_changed_job_fires_by_its_new_rule_only(server: Server) -> None:
    path = schedule(server, cron="0 0 1 1 *", **MANY)

    assert server.put(path, json={"cron": "* * * * * *"}).status_code == 200
    until(lambda: len(past(server, path)) >= 2, 15)
    assert server.put(path, json={"cron": "0 0 1 1 *"}).status_code == 200
    server.put(path, json={"paused": True})

    due = moments(past(server, path))
    assert due == [due[0] + number * SECOND for number in range(len(due))]
