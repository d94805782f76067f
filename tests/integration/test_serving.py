"""The life of the whole server: what it refuses, how it stops, what it leaves running."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.support.server import Server
from tests.support.waiting import until

CATALOG = """\
[long]
file=runscript.py
class=RunScript
script=long.sh

[stubborn]
file=runscript.py
class=RunScript
script=stubborn.sh
"""
LONG = "#!/bin/sh\necho begun\nexec sleep 1000\n"
STUBBORN = "#!/bin/sh\ntrap '' TERM\necho begun\nwhile :; do sleep 0.05; done\n"


def server_in(folder: Path, *flags: str, port: int | None = None) -> Server:
    return Server(
        folder,
        catalog=CATALOG,
        cfg="JOB_LIVETIME = 0\nGRACE = 30\n",
        files={"long.sh": LONG, "stubborn.sh": STUBBORN},
        flags=[*flags, "-j", "1"],
        port=port,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with server_in(tmp_path) as server:
        yield server


def test_the_status_shows_all_parts_alive(server: Server) -> None:
    parts = server.get("/status").json()["parts"]

    assert [(part["name"], part["alive"]) for part in parts] == [
        ("scheduler", True), ("supervisor", True), ("web", True),
    ]  # fmt: skip
    assert all(psutil.Process(part["pid"]).is_running() for part in parts)


def start_run(server: Server, task: str) -> int:
    response = server.post("/runs", json={"task": task})
    assert response.status_code == 202, response.text
    return int(response.headers["Location"].rsplit("/", 1)[1])


def running(server: Server, run: int) -> bool:
    return bool(server.get(f"/runs/{run}").json()["state"] == "running")


def row(server: Server, run: int) -> tuple[str, str | None]:
    """Return state and ended_by of a run out of the database of a stopped server."""
    with closing(sqlite3.connect(server.data / "jobsched.db")) as connection:
        found: tuple[str, str | None] = connection.execute(
            "SELECT state, ended_by FROM runs WHERE id = ?", (run,)
        ).fetchone()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_ordered_stop_ends_and_settles_all_runs_and_leaves_no_process(
    server: Server, number: signal.Signals
) -> None:
    living, waiting = start_run(server, "long"), start_run(server, "long")
    until(lambda: running(server, living))

    code = server.stop(number)

    assert code == 0
    assert row(server, living) == ("done", "shutdown")
    assert row(server, waiting) == ("done", "shutdown")
    until(lambda: not list(server.processes()), message="every process is gone")
    assert server.lines("server stopped")


def test_the_parts_stop_in_order(server: Server) -> None:
    server.stop()

    told = [line for line in server.log.splitlines() if "part stopped" in line]
    assert [line.split("part=")[1].split()[0] for line in told] == [
        "web", "scheduler", "supervisor",
    ]  # fmt: skip


def test_a_second_signal_does_not_wait_for_the_grace(server: Server) -> None:
    run = start_run(server, "stubborn")
    until(lambda: running(server, run))
    assert server.process is not None

    server.process.send_signal(signal.SIGTERM)
    until(lambda: not server.pids()["scheduler"], message="the supervisor's turn has come")
    code = server.stop()

    assert code == 0
    assert row(server, run)[0] == "done"
    until(lambda: not list(server.processes()), message="every process is gone")


def test_with_keep_runs_a_living_run_goes_on_and_the_next_start_adopts_it(
    tmp_path: Path,
) -> None:
    with server_in(tmp_path, "--keep-runs") as server:
        run = start_run(server, "long")
        until(lambda: running(server, run))

        server.stop()
        kept = row(server, run)
        server.start()
        server.post(f"/runs/{run}/stop")
        ended = until(lambda: [r for r in server.runs() if r["state"] == "done"])

    assert kept == ("running", None)
    assert (ended[0]["id"], ended[0]["ended_by"], ended[0]["signal"]) == (run, "stop", 15)


def test_a_port_in_use_is_refused_before_anything_is_started(
    server: Server, tmp_path: Path
) -> None:
    other = server_in(tmp_path / "other", port=None)
    other._port_flag = ["--port", str(server.port)]

    code = other.launch().wait(20)

    assert code == 2
    assert str(server.port) in other.log
    assert "part started" not in other.log


def test_a_data_folder_in_use_is_refused(server: Server, tmp_path: Path) -> None:
    other = server_in(tmp_path / "other")
    other.flags += ["--data-dir", str(server.data)]

    code = other.launch().wait(20)

    assert code == 2
    assert "another server is using" in other.log


def test_a_frozen_part_is_killed_and_replaced(server: Server) -> None:
    before = server.kill("scheduler", signal.SIGSTOP)

    until(lambda: server.pids()["scheduler"] not in ([], [before]), 30)

    assert server.lines("part frozen", "part=scheduler")
    assert not psutil.pid_exists(before)


def test_each_part_is_a_process_group_of_its_own(server: Server) -> None:
    pids = server.pids()

    groups = {os.getpgid(pids[part][0]) for part in ("parent", "web", "scheduler", "supervisor")}

    assert len(groups) == 4
