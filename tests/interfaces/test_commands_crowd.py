"""Two hundred clients that wait for their commands; benchmarks/b13_commands.py has the figures."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.commands import Client, JobSchedServer, waiting_client
from tests.support.waiting import until

CROWD = 200
COMMAND = "sleep 300 & sleep 300"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobSchedServer]:
    with JobSchedServer(tmp_path, jobs=CROWD + 10) as running:
        yield running


def trees(server: JobSchedServer) -> dict[int, list[psutil.Process]]:
    """Return the living processes of each job."""
    found: dict[int, list[psutil.Process]] = {}
    for process in server.processes():
        try:
            words = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for word in words:
            if word.startswith(b"JOBSCHED_RUN_ID="):
                found.setdefault(int(word.partition(b"=")[2]), []).append(process)
    return found


def all_started(server: JobSchedServer, jobs: set[int]) -> bool:
    found = trees(server)
    return all(len(found.get(job, ())) == 3 for job in jobs)


def test_S15_S36_a_crowd_waits_and_half_of_it_leaves(server: JobSchedServer) -> None:
    with ExitStack() as stack:
        crowd: dict[int, Client] = {}
        for _ in range(CROWD):
            client = stack.enter_context(waiting_client(server, COMMAND))
            crowd[client.job()] = client
        until(lambda: all_started(server, {*crowd}), 60, "all have started")

        for _ in range(5):
            assert server.get("/healthz", timeout=10).status_code == 200
            assert server.get("/jobs", timeout=10).status_code == 200
            assert server.ask("submit", command="echo hello").endswith("\nhello\n")
        leaving, staying = sorted(crowd)[: CROWD // 2], sorted(crowd)[CROWD // 2 :]
        theirs = [one for job in leaving for one in trees(server)[job]]
        for job in leaving:
            crowd[job].close()

        until(lambda: not any(one.is_running() for one in theirs), 5, "their trees are gone")
        until(lambda: len(server.rows(status="killed")) >= len(leaving), 5, "their rows tell")
        assert [int(row["jobid"]) for row in server.rows(status="killed")] == leaving
        assert [int(row["jobid"]) for row in server.rows(status="running")] == staying
        assert all_started(server, {*staying})
        server.ask("kill", jobid=",".join(map(str, staying)))
        assert all(crowd[job].rest() == b"" for job in staying)
