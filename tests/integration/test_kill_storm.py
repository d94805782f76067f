"""A storm of kill -9 while a thousand runs go through: the quality page's figure, in small."""

import contextlib
import random
from collections import Counter
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.ledger import Ledger
from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

RUNS = 1000
KILLS = 100
CATALOG = """\
[quick]
file=runscript.py
class=RunScript
script=quick.bash
"""
VICTIMS = ("web", "scheduler", "supervisor", "supervisor", "runner")


@pytest.mark.timeout(300)
def test_a_storm_of_kills_loses_doubles_and_falsifies_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    dice = random.Random(20260401)
    server = Server(
        tmp_path / "server",
        catalog=CATALOG,
        cfg="HISTORY_DAYS = 30\n",
        files={"quick.bash": ledger.script("sleep 0.0$((RANDOM % 5))", 3)},
        flags=["-j", "16"],
    )
    with server:
        asked = 0
        for _ in range(KILLS):
            asked += _ask(server, min(RUNS // KILLS + 2, RUNS - asked))
            _kill(server, dice)
        until(server.is_ready, 30, "ready after the storm")
        until(lambda: not server.runs(state="queued"), 60, "the queue is empty")
        until(lambda: all(run["state"] == "done" for run in server.runs()), 30, "all have ended")

        runs = server.runs()
        assert ledger.check(server) == []
        outcomes = Counter(run["outcome"] for run in runs)
        assert set(outcomes) <= {"failed", "lost"}  # exit code 3, or its runner was killed
        assert len(runs) >= asked
        assert outcomes["failed"] > RUNS // 2
        until(lambda: not _strays(server), 10, "nothing is left of any run")


def _ask(server: Server, count: int) -> int:
    """Ask for *count* runs as far as the web part lives; return how many it took on."""
    taken = 0
    for _ in range(count):
        try:
            taken += server.post("/runs", json={"task": "quick"}, timeout=10).status_code == 202
        except requests.RequestException:
            until(server.is_ready, 30, "the web part is back")
    return taken


def _kill(server: Server, dice: random.Random) -> None:
    """Kill one process of ours that lives right now."""

    def killed() -> bool:
        for pid in server.pids()[dice.choice(VICTIMS)][:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
                return True
        return False

    until(killed, 30, "something to kill")


def _strays(server: Server) -> list[psutil.Process]:
    return [p for p in server.processes() if "quick.bash" in " ".join(command_of(p))]
