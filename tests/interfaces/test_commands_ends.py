"""Seed 001: clients that leave, /kill and /wait."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import psutil
import pytest

from tests.support import runs
from tests.support.commands import Client, JobSchedServer, waiting_client
from tests.support.namespace import run_alone
from tests.support.processes import lives
from tests.support.proxy import Proxy
from tests.support.server import Server
from tests.support.waiting import until

# Children in the background, in another session, ignoring signals, orphaned.
TREE = (
    "trap '' TERM HUP INT; sleep 300 & setsid sleep 300 & (setsid nohup sleep 300 &) ; "
    "bash -c 'trap \"\" TERM; sleep 300; :' & wait"
)
AT_ONCE = 3.0  # far below the grace of 5 s; benchmarks/b13_commands.py has the figures


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSchedServer]:
    with JobSchedServer(tmp_path_factory.mktemp("commands")) as running:
        yield running


@pytest.fixture
def narrow(server: JobSchedServer) -> Iterator[JobSchedServer]:
    """The server with all its places taken."""
    jobs = [server.submit("sleep 300", name="filler") for _ in range(server.jobs)]
    for job in jobs:
        server.reaches(job, "running")
    yield server
    server.ask("kill", jobid=",".join(map(str, jobs)))


def running_tree(server: JobSchedServer, job: int) -> list[psutil.Process]:
    """Wait until a job that runs TREE has all its processes; return them."""
    return until(lambda: found if len(found := server.tree(job)) >= 6 else [], 20, "its tree")


def close(client: Client) -> None:
    client.close()


def half_close(client: Client) -> None:
    client.connection.shutdown(socket.SHUT_WR)


def reset(client: Client) -> None:
    client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [close, half_close, reset])
def test_S15_who_leaves_cancels_his_job(
    server: JobSchedServer, leave: Callable[[Client], None]
) -> None:
    with waiting_client(server, TREE) as client:
        job = client.job()
        tree = running_tree(server, job)

        leave(client)

        until(lambda: not any(one.is_running() for one in tree), AT_ONCE, "the tree is gone")
    row = server.reaches(job, "killed")
    assert (row["returncode"], row["msg"]) == ("-9", "The client went away.")
    assert server.get(f"/runs/{job}").json()["ended_by"] == "disconnect"


@pytest.mark.parametrize("read", [True, False], ids=["reading", "not-reading"])
def test_S15_a_job_that_floods_its_client_is_cancelled_too(
    server: JobSchedServer, read: bool
) -> None:
    with waiting_client(server, "yes") as client:
        job = client.job()
        if read:
            assert len(client.receive(3_000_000)) == 3_000_000
        server.reaches(job, "running")
        until(lambda: server.get(f"/runs/{job}").json()["output"]["out"]["bytes"] > 20_000_000)

        client.close()

        until(lambda: not server.tree(job), AT_ONCE)
    assert server.reaches(job, "killed")["returncode"] == "-9"


def test_S15_a_job_that_was_being_stopped_in_peace_is_killed(server: JobSchedServer) -> None:
    with waiting_client(server, TREE) as client:
        job = client.job()
        running_tree(server, job)
        assert server.post(f"/runs/{job}/stop").status_code == 202
        until(lambda: server.get(f"/runs/{job}").json()["state"] == "stopping")

        client.close()

        until(lambda: not server.tree(job), AT_ONCE)
    assert server.reaches(job, "killed")["msg"] == "The client went away."


def test_S16_a_job_whose_client_leaves_the_queue_never_starts(narrow: JobSchedServer) -> None:
    with waiting_client(narrow, "touch started") as client:
        job = client.job()
        assert narrow.row(job)["status"] == "queued"

        client.close()

        row = narrow.reaches(job, "killed", seconds=AT_ONCE)
    assert (row["returncode"], row["msg"]) == ("-9", "The client went away.")
    assert narrow.get(f"/runs/{job}").json()["started_at"] is None
    assert not (narrow.work / "started").exists()


@pytest.mark.parametrize("leaving", ["close", "half-close"])
def test_S15_S16_also_behind_a_proxy(
    server: JobSchedServer, leaving: Literal["close", "half-close"]
) -> None:
    with Proxy(server.port, leaving) as proxy:
        client = Client(proxy.port, "sleep 300")
        job = client.job()
        server.reaches(job, "running")

        client.close()

        until(lambda: not server.tree(job), AT_ONCE)
        assert server.reaches(job, "killed")["returncode"] == "-9"


def test_S15_who_stays_loses_nothing(server: JobSchedServer) -> None:
    with waiting_client(server, "sleep 1; echo whole") as stays:
        job = stays.job()
        with waiting_client(server, "sleep 300") as leaves:
            leaves.job()
        assert stays.rest() == b"whole\n"
    assert server.row(job)["status"] == "success"
    assert until(lambda: server.rows(status="killed"))


def test_S31_a_queued_job_that_is_killed_never_starts(narrow: JobSchedServer) -> None:
    job = narrow.submit("touch started")

    assert narrow.ask("kill", jobid=job) == f"Job {job} has been killed\n"

    row = narrow.row(job)
    assert (row["status"], row["returncode"], row["msg"]) == ("killed", "-9", "killed by loopback")
    assert narrow.get(f"/runs/{job}").json()["started_at"] is None


def test_S31_S33_no_other_process_is_ever_touched(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = run_alone("tests.support.killing", tmp_path_factory.mktemp("alone"))

    assert "all as it should be" in told


def test_S32_a_running_job_is_killed_with_its_whole_tree(server: JobSchedServer) -> None:
    job = server.submit(TREE)
    tree = running_tree(server, job)

    assert server.ask("kill", jobid=job) == f"Job {job} has been killed\n"

    assert not any(lives(one) for one in tree)
    row = server.row(job)
    assert (row["status"], row["returncode"]) == ("killed", "-9")
    facts = server.get(f"/runs/{job}").json()
    assert (facts["ended_by"], facts["signal"]) == ("kill", 9)


def test_S32_runs_of_other_tasks_are_killed_as_well(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    task = {
        "slow.py": "import time\nclass Slow:\n    def __call__(self, _):\n        time.sleep(300)\n"
    }
    catalog = "[slow]\nfile=slow.py\nclass=Slow\n"
    with Server(tmp_path_factory.mktemp("server"), catalog=catalog, tasks=task) as server:
        run = runs.start(server, "slow")
        runs.reaches(server, run, "running")

        answer = server.post("/kill", data={"jobid": run})

        assert answer.text == f"Job {run} has been killed\n"
        assert runs.row(server, run)["ended_by"] == "kill"
        assert server.get(f"/wait?jobid={run}").content == b""


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ("-1", "Error: Job -1 does not exist"),
        ("0", "Error: Job 0 does not exist"),
        ("1000000000", "Error: Job 1000000000 does not exist"),
        ("9" * 18, f"Error: Job {'9' * 18} does not exist"),
        ("9" * 30, f"Error: Job {'9' * 30} does not exist"),
        ("9" * 5000, f"Error: Job {'9' * 50}... (5000 characters) does not exist"),
        ("-" + "9" * 40, f"Error: Job -{'9' * 40} does not exist"),
        ("1e9", "Error: cannot convert 1e9 to integer"),
        ("all", "Error: cannot convert all to integer"),
        ("1.0", "Error: cannot convert 1.0 to integer"),
        ("\u0661", "Error: cannot convert \u0661 to integer"),
        ("x" * 5000, f"Error: cannot convert {'x' * 50}... (5000 characters) to integer"),
        ("$(id)", "Error: cannot convert $(id) to integer"),
        ("1\n2", "Error: cannot convert 1?2 to integer"),
        ("", "Error: jobid is required."),
    ],
)
def test_S33_S35_absurd_ids_are_told(server: JobSchedServer, job: str, line: str) -> None:
    before = server.rows()

    assert server.ask("kill", jobid=job) == line + "\n"
    assert server.ask("wait", jobid=job) == line + "\n"
    assert server.rows() == before


def test_S33_what_is_over_stays_as_it_is(server: JobSchedServer) -> None:
    job = server.submit("exit 5")
    before = server.over(job)

    assert server.ask("kill", jobid=job) == f"Error: Job {job} has finished\n"
    assert server.row(job) == before
    assert server.ask("kill") == "Error: jobid is required.\n"


def test_S34_each_job_has_its_line(server: JobSchedServer) -> None:
    first, second = server.submit("sleep 300"), server.submit("sleep 300")

    answer = server.ask("kill", jobid=f"{second},x, {first},999999,{second}")

    assert answer.splitlines() == [
        f"Job {second} has been killed",
        "Error: cannot convert x to integer",
        f"Job {first} has been killed",
        "Error: Job 999999 does not exist",
    ]
    assert {server.row(job)["status"] for job in (first, second)} == {"killed"}


def test_S34_a_list_has_its_limit(server: JobSchedServer) -> None:
    answer = server.ask("kill", jobid=",".join(map(str, range(10_000, 11_001))))

    assert answer == "Error: jobid takes 1 to 1000 ids, separated by commas.\n"


def test_S35_wait_ends_with_the_job(server: JobSchedServer) -> None:
    step = server.work / "over"
    job = server.submit(f"until [ -e {step} ]; do sleep 0.02; done")
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(server.ask("wait", jobid=job)))

    thread.start()
    thread.join(0.5)
    assert answers == []
    step.touch()
    thread.join(20)

    assert answers == [""]
    assert server.row(job)["status"] == "success"
    assert server.ask("wait", jobid=job) == ""


def test_S36_many_waiters_hold_nobody_up(server: JobSchedServer) -> None:
    job = server.submit("sleep 300")
    head = f"GET /wait?jobid={job} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()
    waiters = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(300)]
    try:
        for waiter in waiters:
            waiter.sendall(head)
        for _ in range(5):
            assert server.get("/healthz", timeout=10).status_code == 200
            assert server.get("/jobs", timeout=10).status_code == 200
            assert server.ask("submit", command="echo hello").endswith("\nhello\n")

        server.ask("kill", jobid=job)

        for waiter in waiters:
            answer = b"".join(iter(lambda: waiter.recv(4096), b""))  # noqa: B023 - called here
            assert answer.startswith(b"HTTP/1.0 200 OK")
            assert answer.endswith(b"\r\n\r\n")
    finally:
        for waiter in waiters:
            waiter.close()
