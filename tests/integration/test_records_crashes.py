"""Failed records while parts of the server are killed: each is kept once, and none is lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.records import counts, records, retry
from tests.support.runs import done, reaches, row, start
from tests.support.server import PARTS, Server
from tests.support.waiting import until

MANY = 20_000
CATALOG = """
[many]
file=many.py
class=Many
jobsched.params=count, wait
"""
TASKS = {
    "many.py": '''
import os, sys, time

class Many:
    """Fails with each of ``count`` records, then waits to be killed if it has to."""

    def __call__(self, info):
        sys.stderr = open(os.devnull, "w")
        for number in info.records or range(info.params["count"]):
            if info.attempt == 1 or number % 2:
                info.error(f"no {number}", number)
        while info.params.get("wait") and info.attempt == 1:
            time.sleep(1)
''',
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, catalog=CATALOG, tasks=TASKS, cfg="JOB_LIVETIME = 100\n") as server:
        yield server


def kept(server: Server, run: int) -> int:
    """Return how many records of a run are in the rows, at most 1,000."""
    return len(server.get(f"/runs/{run}/records").json()["values"])


def test_a_supervisor_that_dies_while_taking_over_a_report_is_made_up_for(server: Server) -> None:
    run = start(server, "many", params={"count": MANY})
    for _ in range(3):
        until(lambda: kept(server, run) and server.pids()["supervisor"], 60)
        if row(server, run)["state"] == "done":
            break
        server.kill("supervisor")

    first = done(server, run, 90)

    assert (counts(first), first["open_records"]) == ((0, MANY, 0), MANY)
    found = records(server, run)
    assert [one["data"] for one in found] == [*range(MANY)]
    assert [one["number"] for one in found] == [*range(1, MANY + 1)]


def test_a_supervisor_that_dies_while_a_retry_is_made_ready_starts_again(server: Server) -> None:
    run = start(server, "many", params={"count": MANY})
    done(server, run, 90)

    again = retry(server, f"/runs/{run}")
    server.kill("supervisor")
    second = done(server, again, 90)

    assert counts(second) == (MANY // 2, MANY // 2, 0)
    assert counts(row(server, run)) == (MANY // 2, MANY // 2, 0)
    assert [one["data"] for one in records(server, again)] == [*range(1, MANY, 2)]
    # A killed supervisor has left files; its successor removes those of what is done.
    left = {path.suffix for path in (server.data / "reports").iterdir()} & {".report", ".records"}
    assert not left


def test_what_was_reported_before_its_runner_died_is_kept(server: Server) -> None:
    run = start(server, "many", params={"count": 500, "wait": True})
    reaches(server, run, "running")
    report = server.data / "reports" / f"{run}.1.report"
    until(lambda: report.exists() and report.read_text().count("\n") == 500, 30)

    for pid in server.pids()["runner"]:
        os.kill(pid, signal.SIGKILL)
    first = done(server, run, 60)

    assert (first["outcome"], counts(first), first["open_records"]) == ("lost", (0, 500, 0), 500)
    again = retry(server, f"/runs/{run}")
    assert counts(done(server, again, 60)) == (250, 250, 0)


def test_a_whole_server_that_is_killed_loses_no_record(server: Server) -> None:
    run = start(server, "many", params={"count": MANY})
    until(lambda: kept(server, run), 60)

    server.kill("parent")  # the other parts end with it
    until(lambda: not any(server.pids()[role] for role in PARTS))
    server.start()

    assert counts(done(server, run, 90)) == (0, MANY, 0)
    assert len(records(server, run)) == MANY
