"""GET /upcoming through the whole program: what all jobs will do, in order of time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobsched import clock
from tests.support.native import iso
from tests.support.server import Server
from tests.support.waiting import until

FAR = {"hours": 100_000}
TOMORROW = (clock.now() + timedelta(days=1)).date().isoformat()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = {"calendars.yaml": f"feast: {{dates: [{TOMORROW}]}}\n"}
    with Server(tmp_path_factory.mktemp("server"), files=files) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server without any job."""
    yield running
    running.post("/resume")
    for job in running.get("/jobs").json()["values"]:
        running.delete(f"/jobs/{job['id']}?stop=true")


def rows(server: Server, **query: object) -> list[dict[str, Any]]:
    """Return the rows of all pages."""
    url: str | None = "/upcoming"
    found = []
    while url is not None:
        response = server.get(url, params=query)
        assert response.status_code == 200, response.text
        found += response.json()["values"]
        url, query = response.json()["next"], {}
    return found


def in_(**span: float) -> datetime:
    return (clock.now() + timedelta(**span)).replace(microsecond=0)


def test_the_moments_of_all_jobs_come_in_order_of_time(server: Server) -> None:
    start = in_(minutes=10)
    every = server.schedule("example", start=iso(start), interval={"hours": 1}, count=3)
    once = server.schedule("example", name="once", interval=FAR)
    server.put(once, json={"at": iso(start + timedelta(minutes=90))})

    found = rows(server, hours=4)

    names = {"id": every.removeprefix("/jobs/"), "once": once.removeprefix("/jobs/")}
    at = [start + timedelta(minutes=minutes) for minutes in (0, 60, 90, 120)]
    assert [row["at"] for row in found] == [iso(moment) for moment in at]
    assert [row["job"] for row in found] == [names[n] for n in ("id", "id", "once", "id")]
    assert found[2] == {**found[2], "name": "once", "p95": None, "running": 1}


def test_a_day_is_shown_unless_asked_otherwise(server: Server) -> None:
    server.schedule("example", start=iso(in_(minutes=1)), interval={"hours": 1})

    assert len(rows(server)) == 24
    assert len(rows(server, hours=1)) == 1
    assert len(rows(server, hours=168)) == 168


def test_pages_follow_each_other_without_loss_or_repeat(server: Server) -> None:
    for number in range(5):
        start = iso(in_(minutes=5))
        server.schedule("example", name=f"n{number}", start=start, interval={"minutes": 20})

    first = server.get("/upcoming", params={"hours": 2, "limit": 7})

    assert first.headers["Link"] == f'<{first.json()["next"]}>; rel="next"'
    assert "hours=2" in first.json()["next"]
    whole, by_page = rows(server, hours=2), rows(server, hours=2, limit=7)
    assert len(whole) == 30
    assert [(row["at"], row["job"]) for row in by_page] == [(r["at"], r["job"]) for r in whole]
    assert by_page == whole


def test_the_same_answer_has_the_same_entity_tag(server: Server) -> None:
    server.schedule("example", start=iso(in_(minutes=30)), interval={"hours": 1})
    first = server.get("/upcoming")

    again = server.get("/upcoming", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("wrong", ["hours=0", "hours=169", "hours=x", "hours=-1", "hours=1.5"])
def test_hours_outside_a_week_are_refused(server: Server, wrong: str) -> None:
    response = server.get(f"/upcoming?{wrong}")

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["hours"]


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=x", "cursor")]
)
def test_it_is_paged_like_every_list(server: Server, query: str, field: str) -> None:
    response = server.get(f"/upcoming?{query}")

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_what_is_paused_comes_when_its_pause_ends(server: Server) -> None:
    start = in_(minutes=30)
    job = server.schedule("example", start=iso(start), interval={"hours": 1}, count=3)
    other = server.schedule("example", start=iso(start), interval={"hours": 1})
    server.post(f"{job}/pause", json={"until": iso(start + timedelta(minutes=90))})
    server.post(f"{other}/pause")

    assert [row["at"] for row in rows(server)] == [iso(start + timedelta(hours=2))]


def test_while_everything_is_paused_nothing_comes(server: Server) -> None:
    start = in_(minutes=30)
    server.schedule("example", start=iso(start), interval={"hours": 1})

    server.post("/pause")
    assert rows(server) == []
    server.post("/pause", json={"until": iso(start + timedelta(hours=1))})
    assert rows(server)[0]["at"] == iso(start + timedelta(hours=1))


def test_what_a_calendar_excludes_is_not_coming(server: Server) -> None:
    body = {"task": "example", "cron": "30 3 * * *", "calendars": ["feast"]}
    for rule in ("skip", "next"):
        response = server.post("/jobs", json={**body, "name": rule, "on_excluded": rule})
        assert response.status_code == 202, response.text
    every = server.post("/jobs", json={"task": "example", "name": "every", "cron": "30 3 * * *"})
    assert every.status_code == 202

    found = rows(server, hours=72)

    days = {name: {row["at"][:10] for row in found if row["name"] == name} for name in
            ("every", "skip", "next")}  # fmt: skip
    assert TOMORROW in days["every"]
    assert days["skip"] == days["next"] == days["every"] - {TOMORROW}


def test_triggered_jobs_do_nothing_by_themselves(server: Server) -> None:
    body = {"task": "example", "name": "by hand", "mode": "triggered"}
    assert server.post("/jobs", json=body).status_code == 202

    assert rows(server) == []


def test_past_runs_say_how_many_run_at_once(server: Server) -> None:
    start = in_(minutes=10)
    jobs = [
        server.schedule("example", name=name, start=iso(start), interval={"hours": 1})
        for name in ("a", "b")
    ]
    for job in jobs:
        server.post(f"{job}/run")
        server.finished(job)

    found = until(lambda: [row for row in rows(server, hours=1) if row["p95"] is not None])

    duration = server.runs(jobs[0])[0]["duration"]
    assert found[0]["p95"] == pytest.approx(duration)
    assert [row["running"] for row in found] == [2, 2]


def test_a_viewer_may_look(server: Server) -> None:
    paths = server.get("/openapi.json").json()["paths"]

    assert paths["/upcoming"]["get"]["description"] == "Needs the role viewer."
