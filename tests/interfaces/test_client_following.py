"""Following and waiting: live, over a restart of the server, and away from it in good order."""

import os
import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from jobsched import cli
from tests.support.client import Client, counting
from tests.support.server import Server
from tests.support.waiting import until


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counting(tmp_path_factory.mktemp("server"), flags=["--keep-runs"]) as running:
        yield running


@pytest.fixture
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, tmp_path_factory.mktemp("home"))


def started(client: Client, *params: str) -> str:
    """Start a run, wait until it has written something and return its number."""
    number = client.good("run", "count", *params).out.strip()
    until(lambda: client.good("runs", "logs", number).out, 20)
    return number


def line(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line that a command prints."""
    assert process.stdout is not None
    found: bytes = process.stdout.readline()
    return found


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    """Return the exit code of a command and what else it said."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_lines_are_printed_while_the_run_writes_them(client: Client) -> None:
    number = started(client, "n=1000", "pause=0.2")

    with client.begin("runs", "logs", number, "--follow") as following:
        lines = [line(following) for _ in range(5)]
        state = client.good("runs", "show", number, "--json").json["state"]
        client.good("runs", "stop", number)
        code, _, _ = ended(following)

    assert lines == [b"number %d\n" % each for each in range(5)]
    assert state == "running"
    assert code == 0


def test_following_goes_on_over_a_restart_where_it_broke_off(
    server: Server, client: Client
) -> None:
    number = started(client, "n=60", "pause=0.2")

    with client.begin("runs", "logs", number, "--follow") as following:
        first = line(following)
        server.restart()
        code, rest, err = ended(following)

    assert code == 0, err
    assert (first + rest).decode() == "".join(f"number {each}\n" for each in range(60))
    assert b"away" in err


def test_waiting_goes_on_over_a_restart(server: Server, client: Client) -> None:
    number = started(client, "n=40", "pause=0.2", "code=9")

    with client.begin("runs", "wait", number) as waiting:
        until(lambda: psutil.Process(waiting.pid).net_connections("tcp"), 20)
        server.restart()
        code, _, _ = ended(waiting)

    assert code == 9


@pytest.mark.parametrize("words", [["--wait"], ["--follow"]], ids=str)
def test_ctrl_c_ends_the_wait_and_not_the_run(words: list[str], client: Client) -> None:
    with client.begin("run", "count", "n=1000", "pause=0.2", *words) as waiting:
        line(waiting)
        waiting.send_signal(signal.SIGINT)
        code, _, err = ended(waiting)

    newest = client.good("runs", "list", "--limit", "1", "--json").json[0]
    assert code == cli.INTERRUPTED
    assert newest["state"] == "running"
    assert f"jobsched runs stop {newest['id']}".encode() in err
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_ends_it_quietly(client: Client) -> None:
    number = started(client, "n=1000", "pause=0.1")
    read, write = os.pipe()

    with client.begin("runs", "logs", number, "--follow", stdout=write) as following:
        os.close(write)
        os.read(read, 1)
        os.close(read)
        code, _, err = ended(following)

    assert code == cli.PIPE_CLOSED
    assert err == b""


def test_a_long_list_into_a_closed_pipe_is_quiet(client: Client) -> None:
    for number in range(30):
        client.good("jobs", "create", "count", "--mode", "triggered", "--name", f"{number}" * 100)

    for words in (["--json"], []):
        read, write = os.pipe()
        os.close(read)
        with client.begin("jobs", "list", *words, stdout=write) as listing:
            os.close(write)
            code, _, err = ended(listing)

        assert (code, err) == (cli.PIPE_CLOSED, b"")
