"""A storm of kill -9 over continuous jobs: never two of one alive, never none for ever."""

import contextlib
import random
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import command_of
from tests.support.server import Server
from tests.support.waiting import until

SERVICES = 8
KILLS = 40
CATALOG = """\
[service]
file=runscript.py
class=RunScript
script=service.bash
"""
# Whoever finds the lock held was started while another one lived: the sleep keeps it for life.
SCRIPT = """\
#!/bin/bash
exec 9>>{folder}/$JOBSCHED_JOB_ID.lock
flock -n 9 || echo $JOBSCHED_RUN_ID >> {folder}/doubles
exec sleep 1000000
"""
VICTIMS = ("service", "service", "service", "supervisor", "runner", "parent")


@pytest.mark.timeout(300)
def test_a_storm_of_kills_leaves_each_service_alive_once(tmp_path: Path) -> None:
    dice = random.Random(20260402)
    server = Server(
        tmp_path / "server",
        catalog=CATALOG,
        cfg="WEBJOBS_RESTART_TIME = 0\n",
        files={"service.bash": SCRIPT.format(folder=tmp_path)},
    )
    with server:
        jobs = [_add(server) for _ in range(SERVICES)]
        until(lambda: len(_services(server)) == SERVICES, 30, "all run")
        for _ in range(KILLS):
            _kill(server, dice.choice(VICTIMS), dice)

        until(server.is_ready, 30, "ready after the storm")
        with contextlib.suppress(AssertionError):
            until(lambda: _all_run(server, jobs), 120)
        assert _stand(server, jobs) == [("running", True)] * SERVICES
        assert len(_services(server)) == SERVICES
        assert not (tmp_path / "doubles").exists()
        alive = [run for run in server.runs() if run["state"] != "done"]
        assert sorted(run["job"] for run in alive) == sorted(path.split("/")[-1] for path in jobs)


def _add(server: Server) -> str:
    body = {"task": "service", "name": "service", "mode": "continuous"}
    response = server.post("/jobs", json=body)
    assert response.status_code == 202, response.text
    return response.headers["Location"].removeprefix(server.url)


def _services(server: Server) -> list[psutil.Process]:
    """Return the living processes of services: what the scripts became."""
    return [one for one in server.processes() if command_of(one)[:1] == ["sleep"]]


def _all_run(server: Server, jobs: list[str]) -> bool:
    running = all(state == "running" for state, *_ in _stand(server, jobs))
    return running and len(_services(server)) == SERVICES


def _stand(server: Server, jobs: list[str]) -> list[tuple[Any, ...]]:
    """Return for each of *jobs* its state and run; of those that do not run what explains it."""
    services = [server.get(path).json()["service"][0] for path in jobs]
    return [
        (one["state"], True)
        if one["state"] == "running"
        else (one["state"], one["run"], one["exits"], one["next_try"])
        for one in services
    ]


def _kill(server: Server, role: str, dice: random.Random) -> None:
    if role == "service":
        services = _services(server)
        victims = [dice.choice(services).pid] if services else []
    else:
        victims = server.pids()[role][:1]
    for pid in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    if role == "parent":
        assert server.process is not None
        server.process.wait(10)
        parts = ("web", "scheduler", "supervisor")
        until(lambda: not any(server.pids()[part] for part in parts), 15)
        server.start()
