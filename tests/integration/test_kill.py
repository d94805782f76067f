"""kill -9 of every part in every phase of a run: it ends once, with its true result.

The phases: ``queued`` (another run fills the machine), ``starting`` (claimed, but the runner has
not been able to act), ``running``, ``ended`` (over, but the supervisor has not been able to
write it down). What really happened is told by the jobs themselves (tests/support/ledger.py).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.ledger import Ledger
from tests.support.server import Server
from tests.support.waiting import until

CODE = 7
CATALOG = """\
[gated]
file=runscript.py
class=RunScript
script=gated.bash

[blocker]
file=runscript.py
class=RunScript
script=blocker.bash

[tick]
file=runscript.py
class=RunScript
script=tick.bash
"""
PARTS = ("web", "scheduler", "supervisor", "parent")


class Stage:
    """A server whose scripts wait for files, and the ledger of what they did."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "ledger")
        self.gate = folder / "gate"
        self.blocker = folder / "blocker"
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg="JOB_LIVETIME = 60\nHISTORY = 1000\n",
            files={
                "gated.bash": self.ledger.script(_waits_for(self.gate), CODE),
                "blocker.bash": self.ledger.script(_waits_for(self.blocker)),
                "tick.bash": self.ledger.script(),
            },
            flags=["-j", "1"],
        )

    def run(self, task: str) -> int:
        response = self.server.post("/runs", json={"task": task})
        assert response.status_code == 202, response.text
        return int(response.headers["Location"].rsplit("/", 1)[1])

    def row(self, run: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.server.get(f"/runs/{run}").json()
        return answer

    def reaches(self, run: int, state: str) -> dict[str, Any]:
        def reached() -> dict[str, Any]:
            return row if (row := self.row(run))["state"] == state else {}

        return until(reached, 20, f"run {run} is {state}")

    def kill(self, role: str) -> None:
        """Kill the processes of *role* and see to it that the server is whole again."""
        before = self.server.pids()[role]
        assert before
        for pid in before:
            psutil.Process(pid).kill()
        if role == "parent":
            assert self.server.process is not None
            self.server.process.wait(10)
            until(self._port_is_free, 15, "the dead parent's parts are gone")
            self.server.start()
        else:
            until(lambda: set(self.server.pids()[role]) - set(before), 20, f"a new {role}")
            until(self.server.is_ready, 20, "ready again")

    def _port_is_free(self) -> bool:
        return not any(self.server.pids()[part] for part in ("web", "scheduler", "supervisor"))

    @contextmanager
    def frozen(self, *roles: str) -> Iterator[None]:
        """Hold the processes of *roles*; those that still live go on afterwards."""
        pids = [pid for role in roles for pid in self.server.pids()[role]]
        held = [psutil.Process(pid) for pid in pids]
        for process in held:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in held:
                if process.is_running():
                    process.send_signal(signal.SIGCONT)


def _waits_for(gate: Path) -> str:
    return f"while [ ! -e {gate} ]; do sleep 0.05; done"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    with stage.server:
        until(lambda: len(stage.server.pids()["runner"]) == 2, message="both runners are up")
        yield stage


@pytest.mark.parametrize("role", [*PARTS, "runner"])
def test_a_queued_run_survives_the_death_of_any_part(stage: Stage, role: str) -> None:
    blocker = stage.run("blocker")
    stage.reaches(blocker, "running")
    run = stage.run("gated")

    stage.kill(role)
    stage.blocker.touch()
    stage.gate.touch()

    assert stage.reaches(run, "done")["exit_code"] == CODE
    assert stage.reaches(blocker, "done")["outcome"] == (
        "lost" if role == "runner" else "succeeded"
    )
    assert stage.ledger.check(stage.server) == []


@pytest.mark.parametrize("role", [*PARTS, "runner"])
def test_a_starting_run_survives_the_death_of_any_part(stage: Stage, role: str) -> None:
    with stage.frozen("runner"):
        run = stage.run("gated")
        stage.reaches(run, "starting")
        stage.kill(role)
    stage.gate.touch()

    row = stage.reaches(run, "done")
    assert (row["exit_code"], row["reason"]) == (CODE, None)
    assert stage.ledger.started()[run] == 1
    assert stage.ledger.check(stage.server) == []


@pytest.mark.parametrize("role", PARTS)
def test_a_running_run_goes_on_when_a_part_dies(stage: Stage, role: str) -> None:
    run = stage.run("gated")
    until(lambda: stage.ledger.started()[run], message="it runs")

    stage.kill(role)
    assert stage.reaches(run, "running")["ended_at"] is None
    stage.gate.touch()

    row = stage.reaches(run, "done")
    assert (row["outcome"], row["exit_code"], row["attempt"]) == ("failed", CODE, 1)
    assert stage.ledger.check(stage.server) == []


def test_a_run_whose_runner_is_killed_is_lost_with_its_processes(stage: Stage) -> None:
    run = stage.run("gated")
    pid = until(lambda: [e.fact for e in stage.ledger.entries() if e.run == run])[0]

    stage.kill("runner")

    row = stage.reaches(run, "done")
    assert (row["outcome"], row["exit_code"], row["signal"]) == ("lost", None, None)
    assert "runner was killed" in row["reason"]
    until(lambda: not psutil.pid_exists(pid), message="its process is gone")
    stage.gate.touch()
    later = stage.run("gated")
    assert stage.reaches(later, "done")["exit_code"] == CODE
    assert stage.ledger.check(stage.server) == []


@pytest.mark.parametrize("role", [*PARTS, "runner"])
def test_an_end_that_nobody_wrote_down_is_read_off_after_any_death(stage: Stage, role: str) -> None:
    run = stage.run("gated")
    pid = until(lambda: [e.fact for e in stage.ledger.entries() if e.run == run])[0]
    stage.reaches(run, "running")

    with stage.frozen("supervisor"):
        stage.gate.touch()
        until(lambda: not psutil.pid_exists(pid), message="it has ended")
        until(lambda: _journalled(stage.server, run), message="its runner wrote that down")
        if role == "runner":
            for runner in stage.server.pids()["runner"]:
                psutil.Process(runner).kill()
        else:
            stage.kill(role)

    row = stage.reaches(run, "done")
    assert (row["outcome"], row["exit_code"]) == ("failed", CODE)
    assert stage.ledger.check(stage.server) == []


@pytest.mark.parametrize("role", PARTS)
def test_no_moment_is_lost_or_doubled_when_a_part_dies(stage: Stage, role: str) -> None:
    path = stage.server.schedule("tick", seconds=1)
    stage.server.finished(path, 2)

    stage.kill(role)

    done = len(stage.server.finished(path, 2))
    stage.server.finished(path, done + 2)
    assert stage.server.post(f"{path}/pause").status_code == 200
    until(lambda: all(run["state"] == "done" for run in stage.server.runs(path)))
    assert stage.ledger.check(stage.server) == []
    moments = _moments(stage.server, path)
    steps = {later - earlier for earlier, later in pairwise(moments)}
    assert steps == {timedelta(seconds=1)}


def _journalled(server: Server, run: int) -> bool:
    journals = (server.data / "runners").glob("*/journal")
    return any(f'"end","key":[{run},' in path.read_text().replace(" ", "") for path in journals)


def _moments(server: Server, path: str) -> list[datetime]:
    """Return every past moment that the ledger knows, each as often as it is there."""
    rows = server.get(f"{path}/occurrences").json()["values"]
    moments: list[datetime] = []
    for row in rows:
        if row["outcome"] == "planned":
            continue
        first = datetime.fromisoformat(row.get("first") or row["due_at"])
        count = row.get("count") or 1
        moments += [first + timedelta(seconds=step) for step in range(count)]
    return sorted(moments)
