"""The ledger through the real server: why a day is empty, and a reload that opens it again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server
from tests.support.waiting import until

LONG_AGO = "2000-01-01"
SCRIPT = "#!/bin/sh\nexit 0\n"
CATALOG = "[one]\nfile=runscript.py\nclass=RunScript\nscript=one.bash\n"


def _calendars(days: int) -> str:
    """Return calendars.yaml, closed on so many days from today on."""
    today = datetime.now(UTC).date()
    dates = [LONG_AGO, *((today + timedelta(days=number)).isoformat() for number in range(days))]
    return f"holidays: {{dates: [{', '.join(dates)}]}}\nspare: {{dates: [{LONG_AGO}]}}\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    files = {"one.bash": SCRIPT, "calendars.yaml": _calendars(3)}
    with Server(tmp_path, catalog=CATALOG, files=files) as server:
        yield server


def _add(server: Server, **trigger: object) -> str:
    body = {"task": "one", "name": "tick", **trigger}
    answer = server.post("/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"].removeprefix(server.url))


def _rows(server: Server, job: str, days: int = 4) -> list[dict[str, Any]]:
    to = (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")
    answer = server.get(f"{job}/occurrences", params={"to": to, "limit": "50"})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["values"]
    return rows


def test_P16_the_ledger_says_why_a_day_is_empty_and_a_reload_opens_it(server: Server) -> None:
    job = _add(server, cron="0 * * * *", calendars=["holidays"])

    rows = _rows(server, job)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    [closed] = [row for row in rows if row["due_at"].startswith(tomorrow.isoformat())]

    assert (closed["outcome"], closed["count"], closed["run"]) == ("skipped", 24, None)
    assert "holidays" in closed["reason"]
    assert {row["outcome"] for row in rows} == {"planned", "skipped"}

    server.configure("calendars.yaml", _calendars(0))
    assert server.post("/reload").status_code == 200
    soon = (datetime.now(UTC) + timedelta(hours=1, seconds=5)).isoformat()
    until(lambda: server.get(job).json()["next_run_at"] < soon, 10, "the job is planned anew")

    assert {row["outcome"] for row in _rows(server, job)} <= {"planned", "ran"}


def test_P16_a_job_whose_calendar_is_taken_away_says_so_and_goes_on_with_it(
    server: Server,
) -> None:
    job = _add(server, cron="* * * * * *", calendars=["spare"])
    server.finished(job)

    server.configure("calendars.yaml", "spares: {dates: [2000-01-01]}\n")
    assert server.post("/reload").status_code == 200
    until(lambda: server.get(job).json()["state"] == "blocked", 10, "the job is blocked")
    blocked = server.get(job).json()
    later = datetime.now(UTC) + timedelta(seconds=1.1)
    until(lambda: datetime.now(UTC) > later, 5, "a second has begun without it")
    server.configure("calendars.yaml", _calendars(0))
    assert server.post("/reload").status_code == 200
    until(lambda: server.get(job).json()["state"] == "active", 10, "the job goes on")
    before = len(server.runs(job))
    until(lambda: len(server.runs(job)) > before, 10, "another run")

    assert "spare" in blocked["state_reason"]
    assert blocked["next_run"] is None
    reasons = {row["reason"] for row in _rows(server, job, 0) if row["outcome"] == "skipped"}
    assert blocked["state_reason"] in reasons


def test_P18_a_one_time_job_stays_in_the_list_and_its_ledger_tells_of_its_run(
    server: Server,
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    job = _add(server, at=soon)
    server.finished(job)

    until(lambda: server.get(job).json()["state"] == "finished", 10, "the job is finished")

    assert [row["outcome"] for row in _rows(server, job)] == ["ran"]
    listed = [each["id"] for each in server.get("/jobs").json()["values"]]
    assert job.removeprefix("/jobs/") in listed


def test_a_calendar_that_is_broken_at_a_reload_changes_nothing(server: Server) -> None:
    job = _add(server, cron="0 * * * *", calendars=["holidays"])
    planned = server.get(job).json()["next_run"]
    server.configure("calendars.yaml", "holidays: {date: [2026-12-24]}\n")

    answer = server.post("/reload")

    assert answer.status_code == 400
    assert "calendars.yaml" in answer.text
    assert server.get(job).json()["next_run"] == planned
