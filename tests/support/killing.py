"""Kills all kinds of ids in a PID namespace of its own, where a canary must survive.

Run as ``python -m tests.support.killing FOLDER`` by :mod:`tests.support.namespace`. Here pids are
small: a mistake that takes a job's id, 0 or -1 for a pid has something to hit.
"""

import subprocess
import sys
from pathlib import Path

from tests.support.commands import Client, JobSchedServer
from tests.support.waiting import until

ABSURD = ("-1", "0", "1", "2", "1e9", "1000000000", "all", "9" * 5000, "-9", "4294967296")


def main(folder: Path) -> int:
    canaries = [subprocess.Popen(["sleep", "300"]) for _ in range(5)]
    canaries += [subprocess.Popen(["sleep", "300"], start_new_session=True) for _ in range(5)]
    with JobSchedServer(folder, jobs=1) as server:
        _kill_everything(server)
        assert server.stop() == 0
    for canary in canaries:
        assert canary.poll() is None, "a canary has died"
        canary.kill()
        canary.wait()
    print("all as it should be")  # noqa: T201 - for the test that reads it
    return 0


def _kill_everything(server: JobSchedServer) -> None:
    running, queued = server.submit("sleep 300"), server.submit("touch started")
    server.reaches(running, "running")
    parts = server.pids()
    assert parts["parent"]
    assert server.row(queued)["status"] == "queued"

    for job in (queued, running):
        assert server.ask("kill", jobid=job) == f"Job {job} has been killed\n"
        assert server.ask("kill", jobid=job) == f"Error: Job {job} has finished\n"
    for absurd in ABSURD:
        assert server.ask("kill", jobid=absurd).startswith("Error: "), absurd
    _leave(server)
    assert not (server.work / "started").exists()
    assert server.ask("submit", command="echo alive").endswith("\nalive\n")
    assert server.pids() == parts


def _leave(server: JobSchedServer) -> None:
    """Let clients leave a running and a queued job."""
    clients = [Client(server.port, "sleep 300") for _ in range(2)]
    jobs = [client.job() for client in clients]
    for client in clients:
        client.close()
    for job in jobs:
        server.reaches(job, "killed")
    until(lambda: not any(server.tree(job) for job in jobs))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
