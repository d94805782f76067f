"""Health checks in a real runner: by command, by page, and what becomes of a run that fails."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.runner import RunnerClient, lives, running_runner, with_cookie
from tests.support.waiting import until

QUICK = {"interval": 0.1, "timeout": 1.0, "failures": 2}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[RunnerClient]:
    with running_runner(tmp_path / "runner") as client:
        yield client


@contextmanager
def page(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """Serve *answer* to every request on a port of this machine; None says nothing at all."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            asked.append(connection.recv(4096))
            if answer is None:
                kept.append(connection)
            else:
                connection.sendall(answer)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in kept:
            connection.close()


def at(port: int, **more: Any) -> dict[str, Any]:
    there = {"host": "127.0.0.1", "port": port, "path": "/alive", "name": f"localhost:{port}"}
    return {**QUICK, **there, **more}


def test_a_run_whose_command_fails_is_stopped(client: RunnerClient) -> None:
    client.shell(1, "sleep 100", health={**QUICK, "command": ["sh", "-c", "exit 3"]})

    ended = client.receive("ended", 1)

    assert (ended["ended_by"], ended["signal"]) == ("unhealthy", 15)
    assert ended["reason"] == "Its health check failed 2 times in a row: it ended with code 3."


def test_a_healthy_run_goes_on_and_its_checks_leave_nothing(
    client: RunnerClient, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    command = ["sh", "-c", f"echo $JOBSCHED_X >> {count}; echo noise"]
    env = {"JOBSCHED_X": "same", "PATH": "/usr/bin:/bin"}
    order = client.shell(1, "sleep 100", env=env, health={**QUICK, "command": command})

    until(lambda: count.exists() and len(count.read_text().split()) >= 4)
    client.stop(1)
    ended = client.receive("ended", 1)

    assert set(count.read_text().split()) == {"same"}
    assert (ended["ended_by"], ended["out_bytes"]) == ("stop", 0)
    until(lambda: with_cookie(order.cookie) == [])


def test_failures_count_only_in_a_row(client: RunnerClient, tmp_path: Path) -> None:
    turn = tmp_path / "turn"
    script = f"echo x >> {turn}; [ $(($(wc -l < {turn}) % 2)) = 0 ]"
    client.shell(1, "sleep 100", health={**QUICK, "command": ["sh", "-c", script]})

    until(lambda: turn.exists() and len(turn.read_text().split()) >= 6)

    client.stop(1)
    assert client.receive("ended", 1)["ended_by"] == "stop"


def test_a_command_that_hangs_is_ended_and_counts_as_a_failure(
    client: RunnerClient, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    health = {**QUICK, "timeout": 0.2, "failures": 1}
    command = ["sh", "-c", f"echo $$ > {pid}; sleep 1000"]
    client.shell(1, "sleep 100", health={**health, "command": command})

    ended = client.receive("ended", 1)

    assert ended["reason"] == "Its health check failed once: there was no answer within 0.2 s."
    until(lambda: not lives(int(pid.read_text())))


def test_a_command_that_does_not_exist_is_a_failure(client: RunnerClient) -> None:
    client.shell(1, "sleep 100", health={**QUICK, "command": ["/no/such/check"]})

    ended = client.receive("ended", 1)

    assert ended["ended_by"] == "unhealthy"
    assert "/no/such/check could not be started" in ended["reason"]


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found"])
def test_a_page_that_answers_well_is_good_news(client: RunnerClient, status: str) -> None:
    with page(f"HTTP/1.1 {status}\r\n\r\n".encode()) as (port, asked):
        client.shell(1, "sleep 100", health=at(port))
        until(lambda: len(asked) >= 3)
        client.stop(1)

        assert client.receive("ended", 1)["ended_by"] == "stop"
    assert asked[0] == f"GET /alive HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 503 Busy\r\n\r\n", "the answer was 'HTTP/1.1 503 Busy'"),
        (b"", "the answer was ''"),
        (b"\xff\xfe nonsense", "the answer was '"),
        (b"x" * 10_000, "the answer was 'xxx"),
        (None, "there was no answer within 0.3 s"),
    ],
    ids=["busy", "nothing", "nonsense", "endless", "silence"],
)
def test_a_page_that_does_not_is_a_failure(
    client: RunnerClient, answer: bytes | None, reason: str
) -> None:
    with page(answer) as (port, _):
        client.shell(1, "sleep 100", health=at(port, timeout=0.3))

        ended = client.receive("ended", 1)

    assert ended["ended_by"] == "unhealthy"
    assert f"failed 2 times in a row: {reason}" in ended["reason"]


def test_a_page_that_nobody_serves_is_a_failure(client: RunnerClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    client.shell(1, "sleep 100", health=at(port))

    assert "connection refused" in client.receive("ended", 1)["reason"]


def test_a_run_that_ends_by_itself_is_no_longer_checked(client: RunnerClient) -> None:
    with page(None) as (port, asked):
        client.shell(1, "sleep 0.3", health=at(port, timeout=5.0))
        until(lambda: asked)

        ended = client.receive("ended", 1)
        client.send(op="forget", runs=[[1, 1]])

        assert (ended["ended_by"], ended["exit_code"]) == ("exit", 0)
        assert client.run(2, "true")["exit_code"] == 0


def test_a_lease_that_nobody_renews_ends_its_run(client: RunnerClient) -> None:
    client.shell(1, "trap '' TERM; sleep 100", lease=0.5)

    ended = client.receive("ended", 1)

    assert (ended["ended_by"], ended["signal"]) == ("replaced", 9)
    assert "not renewed" in ended["reason"]


def test_a_lease_is_prolonged_or_lifted(client: RunnerClient) -> None:
    client.shell(1, "sleep 1.5", lease=0.5)
    client.receive("started", 1)
    client.send(op="lease", run=1, claim=1, seconds=100)
    client.shell(2, "sleep 1.5", lease=0.5)
    client.receive("started", 2)
    client.send(op="lease", run=2, claim=1, seconds=0)

    assert client.receive("ended", 1)["ended_by"] == "exit"
    assert client.receive("ended", 2)["ended_by"] == "exit"
