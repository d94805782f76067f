"""Continuous jobs of real servers: deaths of its parts, restarts, and two nodes in one folder."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.server import Server
from tests.support.waiting import until

CATALOG = """\
[steady]
file=runscript.py
class=RunScript
script=steady.bash

[flapper]
file=runscript.py
class=RunScript
script=flapper.bash
"""
PARTS = ("web", "scheduler", "supervisor", "parent")


class Stage:
    """A server whose services write down their pids."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.signs = folder / "signs"
        self.signs.mkdir()
        name = f"{self.signs}/$(date +%s%N)-$$"
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg="WEBJOBS_RESTART_TIME = 0\nGRACE = 2\n",
            files={
                "steady.bash": f"#!/bin/bash\ntouch {name}; exec sleep 100000",
                "flapper.bash": f"#!/bin/bash\ntouch {name}; exit 1",
            },
            **options,
        )

    def second(self, node: str) -> Server:
        """Return another server of the same folders, with a name of its own."""
        cfg = (self.server.folder / "conf" / "jobsched.cfg").read_text()
        return Server(self.server.folder, catalog=CATALOG, cfg=cfg, flags=["--node", node])

    def pids(self) -> list[int]:
        """Return all processes that have ever been a service, in order of their starts."""
        return [int(path.name.split("-")[1]) for path in sorted(self.signs.iterdir())]

    def living(self) -> list[int]:
        return [pid for pid in self.pids() if _lives(pid)]

    def add(self, task: str = "steady", **fields: object) -> str:
        body = {"task": task, "name": task, "mode": "continuous", **fields}
        response = self.server.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        return response.headers["Location"].removeprefix(self.server.url)

    def services(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.get(path).json()["service"]
        return found

    def states(self, path: str) -> list[str]:
        return [service["state"] for service in self.services(path)]

    def runs_once(self, path: str) -> int:
        """Wait until exactly one process of the service at *path* lives; return it."""
        until(lambda: self.states(path) == ["running"], 20, "it runs")
        until(lambda: len(self.living()) == 1, 20, "one process of it lives")
        return self.living()[0]


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    with stage.server:
        yield stage


@contextmanager
def frozen(stage: Stage, role: str) -> Iterator[None]:
    held = [psutil.Process(pid) for pid in stage.server.pids()[role]]
    for process in held:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in held:
            with suppress(psutil.NoSuchProcess):  # it may have been killed meanwhile
                process.send_signal(signal.SIGCONT)


def kill(stage: Stage, role: str) -> None:
    for pid in stage.server.pids()[role]:
        psutil.Process(pid).kill()
    if role == "parent":
        assert stage.server.process is not None
        stage.server.process.wait(10)
        parts = ("web", "scheduler", "supervisor")
        until(lambda: not any(stage.server.pids()[part] for part in parts), 15)
        stage.server.start()


def test_W40_it_is_started_again_at_once_after_kill_9(stage: Stage) -> None:
    path = stage.add()
    pid = stage.runs_once(path)

    os.kill(pid, signal.SIGKILL)

    until(lambda: len(stage.pids()) == 2)
    assert stage.runs_once(path) != pid


@pytest.mark.parametrize("role", [*PARTS, "runner"])
def test_one_process_lives_after_the_death_of_any_part(stage: Stage, role: str) -> None:
    path = stage.add()
    pid = stage.runs_once(path)

    kill(stage, role)

    if role == "runner":
        until(lambda: len(stage.pids()) == 2, 20)
        assert not _lives(pid)
    until(stage.server.is_ready, 20)
    after = stage.runs_once(path)
    assert role == "runner" or after == pid


@pytest.mark.parametrize("role", ["supervisor", "runner", "parent"])
def test_one_that_is_just_starting_survives_the_death_of_any_part(stage: Stage, role: str) -> None:
    until(lambda: len(stage.server.pids()["runner"]) == 2)
    with frozen(stage, "runner"):
        path = stage.add()
        until(lambda: stage.states(path) == ["starting"], 20)
        kill(stage, role)

    assert stage.runs_once(path)
    assert len(stage.pids()) == 1


@pytest.mark.parametrize("role", ["supervisor", "parent"])
def test_a_stop_is_carried_out_whoever_dies_meanwhile(stage: Stage, role: str) -> None:
    path = stage.add()
    stage.runs_once(path)
    with frozen(stage, "runner"):
        assert stage.server.post(f"{path}/stop").status_code == 200
        until(lambda: stage.states(path) == ["stopping"], 20)
        kill(stage, role)

    until(lambda: stage.states(path) == ["stopped"], 20)
    assert stage.living() == []


def test_W39_a_stopped_one_is_still_stopped_after_a_restart(stage: Stage) -> None:
    running, stopped = stage.add(), stage.add()
    until(lambda: len(stage.living()) == 2)

    stage.server.post(f"{stopped}/stop")
    until(lambda: stage.states(stopped) == ["stopped"])
    stage.server.restart()

    stage.runs_once(running)
    assert stage.states(stopped) == ["stopped"]
    runs = stage.server.runs(running)
    assert [run["ended_by"] for run in runs] == [None, "shutdown"]
    stage.server.post(f"{stopped}/start")
    until(lambda: len(stage.living()) == 2)


def test_with_keep_runs_the_next_server_adopts_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, flags=["--keep-runs"])
    with stage.server:
        path = stage.add()
        pid = stage.runs_once(path)

        stage.server.restart()

        until(lambda: stage.states(path) == ["running"])
        assert stage.living() == [pid] == stage.pids()


def test_a_deleted_one_is_gone_with_its_process(stage: Stage) -> None:
    path = stage.add()
    stage.runs_once(path)

    stage.server.delete(path)

    until(lambda: stage.living() == [])
    assert stage.server.get(path).status_code == 404


def test_a_flapper_keeps_only_its_newest_runs(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.server.configure("jobsched.cfg", "WEBJOBS_RESTART_TIME = 0\nHISTORY = 2\n")
    with stage.server:
        path = stage.add("flapper")
        until(lambda: len(stage.pids()) >= 6, 20)

        until(lambda: stage.server.log.count("service backing off") > 0)
        until(lambda: len([r for r in stage.server.runs(path) if r["state"] == "done"]) <= 2, 30)


def test_two_nodes_share_a_data_folder(stage: Stage) -> None:
    path, single = stage.add(), stage.add(singleton=True)
    until(lambda: len(stage.living()) == 2)
    other = stage.second("second")
    with other:
        until(lambda: len(stage.living()) == 3, 20, "a copy runs on the second node")
        until(lambda: sorted(stage.states(single)) == ["inactive", "running"], 20)
        assert {service["node"] for service in stage.services(path)} > {"second"}
        nodes = other.get("/status").json()["nodes"]
        assert [node["alive"] for node in nodes] == [True, True]

        other.stop()
        until(lambda: len(stage.living()) == 2, 20)
        assert sorted(stage.states(path)) == ["running", "stopped"]


def test_a_singleton_moves_on_when_its_server_stops(stage: Stage) -> None:
    path = stage.add(singleton=True)
    pid = stage.runs_once(path)
    other = stage.second("second")
    with other:
        until(lambda: sorted(stage.states(path)) == ["inactive", "running"], 20)

        stage.server.stop()

        until(lambda: len(stage.living()) == 1 and stage.living() != [pid], 30)
        states = {one["node"]: one["state"] for one in other.get(path).json()["service"]}
        assert states["second"] in {"starting", "running"}


def test_a_second_server_of_the_same_name_refuses_to_start(stage: Stage) -> None:
    [node] = until(lambda: [each["name"] for each in stage.server.get("/status").json()["nodes"]])
    until((stage.server.data / "jobsched.db.chores").exists)
    files = sorted(stage.server.data.iterdir())
    other = stage.second(node)

    code = other.launch().wait(20)

    assert code == 2
    assert "another server is using" in other.log
    assert sorted(stage.server.data.iterdir()) == files
    assert stage.server.is_ready()
