"""The ordered stop: every run has its end, nothing is left, and what may live on is found again."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import runs
from tests.support.ledger import Ledger
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

CODE = 7
CATALOG = """\
[gated]
file=runscript.py
class=RunScript
script=gated.sh

[stubborn]
file=runscript.py
class=RunScript
script=stubborn.sh

[polite]
file=runscript.py
class=RunScript
script=polite.sh

[plain]
file=runscript.py
class=RunScript
script=plain.sh

[warm]
file=task.py
class=Task

[forked]
file=task.py
class=Task
jobsched.isolation=fork
"""
TASK = """\
import signal
class Task:
    def __call__(self, info):
        print("begun", flush=True)
        while True:
            signal.pause()
"""
POLITE = """\
trap 'echo tidied; exit 3' TERM
echo begun
while :; do sleep 0.05; done
"""
STUBBORN = "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 0.05; done\n"
SHUTDOWN = ("done", "shutdown", "The server was stopped.")


class House:
    """A server whose runs go on until the gate is opened, or they are stopped."""

    def __init__(self, folder: Path, *flags: str, grace: float = 0.5) -> None:
        self.ledger = Ledger(folder / "ledger")
        self.gate = folder / "gate"
        wait = f"while [ ! -e {self.gate} ]; do sleep 0.05; done"
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg=f"JOB_LIVETIME = 0\nGRACE = {grace}\nHISTORY = 10000\n",
            files={
                "gated.sh": self.ledger.script(wait, CODE),
                "plain.sh": self.ledger.script(),
                "stubborn.sh": STUBBORN,
                "polite.sh": POLITE,
            },
            tasks={"task.py": TASK},
            flags=["-j", "5", *flags],
        )

    def running(self, task: str) -> int:
        run = runs.start(self.server, task)
        runs.reaches(self.server, run, "running")
        if task != "gated":
            until(lambda: b"begun" in runs.output(self.server, run), message=f"{task} has begun")
        return run

    def rows(self) -> dict[int, dict[str, Any]]:
        """Return every run out of the database of the stopped server, by id."""
        with closing(sqlite3.connect(self.server.data / "jobsched.db")) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM runs").fetchall()
        return {row["id"]: dict(row) for row in found}

    def gone(self) -> bool:
        return not list(self.server.processes())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_kind_of_run_has_its_end_when_the_server_is_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    house = House(tmp_path)
    with house.server:
        tasks = ("gated", "polite", "stubborn", "warm", "forked")
        living = {task: house.running(task) for task in tasks}
        later = "2999-01-01T00:00:00Z"
        waiting = [runs.start(house.server, "plain") for _ in range(20)]
        waiting.append(runs.start(house.server, "plain", at=later))

        code = house.server.stop(number)

        assert code == 0
        rows = house.rows()
        facts = {task: rows[run] for task, run in living.items()}
        for row in rows.values():
            assert (row["state"], row["ended_by"], row["reason"]) == SHUTDOWN
        assert {rows[run]["started_us"] for run in waiting} == {None}
        assert facts["polite"]["exit_code"] == 3
        assert facts["stubborn"]["signal"] == signal.SIGKILL
        assert facts["forked"]["signal"] == facts["warm"]["signal"] == signal.SIGTERM
        until(house.gone, message="every process is gone")

        house.server.start()
        assert runs.output(house.server, living["polite"]) == b"begun\ntidied\n"
        assert {row["outcome"] for row in house.server.runs()} == {"stopped"}
        assert house.ledger.started().keys() == {living["gated"]}


def test_a_second_signal_cuts_the_grace_short(tmp_path: Path) -> None:
    house = House(tmp_path, grace=600)
    with house.server:
        run = house.running("stubborn")
        process = house.server.process
        assert process is not None

        process.send_signal(signal.SIGINT)
        until(lambda: not house.server.pids()["scheduler"], message="the supervisor's turn")
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 0
        row = house.rows()[run]
        assert (row["state"], row["signal"]) == ("done", signal.SIGKILL)
        until(house.gone, message="every process is gone")


def test_a_kept_run_ends_once_with_its_true_result(tmp_path: Path) -> None:
    house = House(tmp_path, "--keep-runs")
    with house.server:
        during, between = house.running("gated"), house.running("polite")
        assert house.server.stop() == 0
        os.kill(pid_of(house, "polite.sh"), signal.SIGTERM)  # it ends while nobody looks
        until(lambda: not pid_of(house, "polite.sh"))
        house.server.start()
        adopted = runs.row(house.server, during)
        house.gate.touch()

        assert (adopted["state"], adopted["attempt"]) == ("running", 1)
        assert runs.done(house.server, during)["exit_code"] == CODE
        ended = runs.done(house.server, between)
        assert (ended["outcome"], ended["exit_code"]) == ("failed", 3)
        assert house.ledger.started()[during] == 1
        assert len(house.server.pids()["runner"]) >= 1


def pid_of(house: House, script: str) -> int:
    """Return the process that runs *script*, 0 if there is none."""
    for process in house.server.processes():
        if any(word.endswith(script) for word in command_of(process)):
            return process.pid
    return 0


def test_a_queue_that_was_kept_goes_on(tmp_path: Path) -> None:
    house = House(tmp_path, "--keep-runs")
    with house.server:
        living = [house.running("gated") for _ in range(5)]
        waiting = [runs.start(house.server, "plain") for _ in range(3)]
        house.server.restart()
        states = [runs.row(house.server, run)["state"] for run in waiting]
        house.gate.touch()

        assert states == ["queued"] * 3
        assert {runs.done(house.server, run)["exit_code"] for run in living} == {CODE}
        assert {runs.done(house.server, run)["exit_code"] for run in waiting} == {0}
        assert house.ledger.check(house.server) == []


def test_a_request_that_is_being_answered_is_answered(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.server:
        run = house.running("polite")
        followed = house.server.get(f"/runs/{run}/output?follow=true&stream=out", stream=True)
        first = next(followed.iter_content(6))
        assert first == b"begun\n"

        assert house.server.stop() == 0

        followed.close()
        assert house.rows()[run]["exit_code"] == 3


def test_signals_in_quick_succession_still_end_it_cleanly(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.server:
        run = house.running("stubborn")
        process = house.server.process
        assert process is not None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)

        assert process.wait(30) == 0
        assert house.rows()[run]["state"] == "done"
        until(house.gone, message="every process is gone")
