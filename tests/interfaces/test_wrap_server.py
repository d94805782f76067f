"""``jobsched wrap`` while the server is away, slow, against it or dying, and when it is killed."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import cli
from tests.support.server import Server, free_port
from tests.support.waiting import until
from tests.support.wrapping import Wrapper, killed

BEAT = 0.3  # of the server below; after four of them a run is lost


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    # More runs are kept than a test makes: retention may come at any time.
    with Server(folder, cfg=f"WRAP_HEARTBEAT = {BEAT}\nHISTORY = 1000") as running:
        yield running


@pytest.fixture
def wrap(server: Server, tmp_path: Path) -> Iterator[Wrapper]:
    with Wrapper(server, tmp_path) as wrapper:
        yield wrapper


@pytest.fixture
def away(server: Server, tmp_path: Path) -> Iterator[Wrapper]:
    """Wraps for a server that is not there."""
    with Wrapper(server, tmp_path) as wrapper:
        wrapper.client.environ["JOBSCHED_URL"] = f"http://127.0.0.1:{free_port()}"
        yield wrapper


def come_back(away: Wrapper) -> None:
    """Let the server of *away* be there, under the address that it had."""
    for path in away.spooled:
        kept = json.loads(path.read_text())
        kept["url"] = away.server.url
        path.write_text(json.dumps(kept))
    away.client.environ["JOBSCHED_URL"] = away.server.url


def test_without_server_the_command_runs_as_ever_and_one_line_says_so(away: Wrapper) -> None:
    said = away("sh", "-c", "cat; echo err >&2; exit 7", data="in\n")

    own, told = said.err.splitlines()
    assert (said.code, said.out, own) == (7, "in\n", "err")
    assert re.fullmatch(
        r"jobsched wrap: The server at \S+ cannot be reached: .+ The run is told later, from .+",
        told,
    )


def test_quiet_says_nothing_of_its_own(away: Wrapper) -> None:
    said = away("sh", "-c", "exit 7", options=("--quiet",))

    assert (said.code, said.err) == (7, "")
    assert len(away.spooled) == 1


def test_what_is_kept_is_private(away: Wrapper) -> None:
    away("true")

    [path] = away.spooled
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_kept_is_told_by_flush_and_makes_one_run(away: Wrapper) -> None:
    away("sh", "-c", "echo kept; exit 3")
    come_back(away)
    [path] = away.spooled
    copy = path.read_bytes()

    first = away.client.good("wrap", "--flush")
    path.write_bytes(copy)  # as if it had not been heard that it was told
    away.client.good("wrap", "--flush")

    run = away.run()
    assert (first.err, away.spooled) == ("1 told.\n", [])
    assert (run["exit_code"], away.output()) == (3, b"kept\n")
    assert run["started_at"] < run["created_at"]


def test_what_is_kept_is_told_by_the_next_wrap(away: Wrapper) -> None:
    for code in (1, 2, 3):
        away("sh", "-c", f"exit {code}")
    assert (len(away.spooled), away.runs()) == (3, [])
    come_back(away)

    away("true")

    assert away.spooled == []
    assert sorted(run["exit_code"] for run in away.runs()) == [0, 1, 2, 3]


def test_flush_says_when_the_server_is_away(away: Wrapper) -> None:
    away("true")

    said = away.client("wrap", "--flush")

    assert (said.code, "cannot be reached" in said.err) == (cli.UNREACHABLE, True)
    assert len(away.spooled) == 1


def test_what_the_server_will_never_take_is_not_kept(wrap: Wrapper) -> None:
    wrap.name = "x" * 300

    said = wrap("sh", "-c", "exit 7")

    assert (said.code, len(said.err.splitlines())) == (7, 1)
    assert said.err.endswith("name may have 200 characters at most. The run is not recorded.\n")
    assert wrap.spooled == []


def test_another_folder_may_be_named(away: Wrapper, tmp_path: Path) -> None:
    away("true", options=("--spool", str(tmp_path / "mine")))

    assert len([*(tmp_path / "mine").iterdir()]) == 1
    assert away.spooled == []


@pytest.mark.parametrize("spool", ["/dev/null/x", "/proc/x"])
def test_nowhere_to_keep_it_changes_nothing_for_the_command(away: Wrapper, spool: str) -> None:
    said = away("sh", "-c", "echo out; exit 6", options=("--spool", spool))

    assert (said.code, said.out) == (6, "out\n")
    assert "not recorded" in said.err
    assert len(said.err.splitlines()) == 1


def test_nonsense_in_the_folder_harms_nothing(away: Wrapper, tmp_path: Path) -> None:
    away("true")
    [path] = away.spooled
    (path.parent / "a.json").write_text("{")
    (path.parent / "b.json").mkdir()
    os.mkfifo(path.parent / "c.json")
    (path.parent / "d.json").symlink_to(tmp_path / "elsewhere")
    come_back_only = json.loads(path.read_text()) | {"url": away.server.url}
    path.write_text(json.dumps(come_back_only))
    away.client.environ["JOBSCHED_URL"] = away.server.url

    said = away.client.good("wrap", "--flush")

    assert (said.err, away.run()["exit_code"]) == ("1 told.\n", 0)


@pytest.mark.parametrize("url", ["http://[", "ftp://x", "http://no.such.host.invalid:1"])
def test_an_impossible_server_changes_nothing_for_the_command(away: Wrapper, url: str) -> None:
    said = away("sh", "-c", "exit 8", options=("--url", url))

    assert (said.code, len(said.err.splitlines())) == (8, 1)
    assert len(away.spooled) == 1


def test_a_token_file_that_others_can_read_changes_nothing(away: Wrapper, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o644)

    said = away("sh", "-c", "exit 8", options=("--token-file", str(tmp_path / "token")))

    assert (said.code, "chmod 600" in said.err, len(said.err.splitlines())) == (8, True, 1)


def test_a_wrong_token_changes_nothing_and_a_right_one_tells_it_later(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with Server(tmp_path / "server") as server, Wrapper(server, tmp_path) as wrap:
        roles = ("admin", "operator", "viewer")
        tokens: dict[str, str] = {}
        for role in roles:
            headers = {"Authorization": f"Bearer {tokens['admin']}"} if tokens else {}
            made = server.post("/tokens", json={"name": role, "role": role}, headers=headers)
            tokens[role] = made.json()["token"]

        for token in ("wrong", tokens["viewer"]):
            wrap.client.environ["JOBSCHED_TOKEN"] = token
            said = wrap("sh", "-c", "exit 5")
            assert (said.code, len(said.err.splitlines())) == (5, 1)
        assert len(wrap.spooled) == 2

        wrap.client.environ["JOBSCHED_TOKEN"] = tokens["operator"]
        assert wrap("sh", "-c", 'test "$JOBSCHED_TOKEN"').code == 0
        assert wrap.spooled == []
        listed = wrap.client.good("runs", "list", "--json").json
        assert sorted(run["exit_code"] for run in listed) == [0, 5, 5]


def test_a_server_that_never_answers_holds_up_nothing_for_long(wrap: Wrapper) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        wrap.client.environ["JOBSCHED_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        process = wrap.begin("sh", "-c", "echo first; sleep 0.5; exit 7")
        assert process.stdout is not None
        assert process.stdout.read(6) == b"first\n"
        first = time.monotonic() - began
        _, err = process.communicate(timeout=60)

    assert process.returncode == 7
    assert first < 3  # what a start of Python takes on a busy machine, and no more
    assert time.monotonic() - began < 12
    assert len(err.splitlines()) == 1
    assert len(wrap.spooled) == 1


def test_a_server_that_is_killed_in_the_middle_hears_the_end_later(
    wrap: Wrapper, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    with Server(tmp_path / "own", cfg="WRAP_HEARTBEAT = 1") as server:
        wrap.server = server
        wrap.client.environ["JOBSCHED_URL"] = server.url
        process = wrap.begin("sh", "-c", "cat; exit 9", stdin=subprocess.PIPE)
        run = wrap.running()

        server.kill("parent")  # nothing else outlives it
        _, err = process.communicate(b"meanwhile\n", timeout=60)
        assert (process.returncode, len(err.splitlines()), len(wrap.spooled)) == (9, 1, 1)
        server.start()
        wrap.client.good("wrap", "--flush")

        told = wrap.run()
        assert (told["id"], told["exit_code"], told["ended_by"]) == (run["id"], 9, "exit")
        assert wrap.output() == b"meanwhile\n"


def test_a_server_that_is_back_before_the_end_hears_it_at_once(
    wrap: Wrapper, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    with Server(tmp_path / "own", cfg="WRAP_HEARTBEAT = 0.3") as server:
        wrap.server = server
        wrap.client.environ["JOBSCHED_URL"] = server.url
        process = wrap.begin("cat", stdin=subprocess.PIPE)
        wrap.running()

        server.stop()
        until(lambda: wrap.spooled != [])  # a sign of life was in vain
        server.start()
        _, err = process.communicate(b"meanwhile\n", timeout=60)

        assert (process.returncode, err, wrap.spooled) == (0, b"", [])
        assert wrap.run()["outcome"] == "succeeded"


def test_a_killed_wrapper_leaves_its_command_alone_and_loses_its_run(
    wrap: Wrapper, tmp_path: Path
) -> None:
    script = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo still; touch {tmp_path}/done"
    process = wrap.begin("sh", "-c", script)
    wrap.running()

    killed(process)
    lost = wrap.until(lambda run: run["state"] == "done")
    (tmp_path / "go").touch()

    assert (lost["outcome"], lost["ended_by"]) == ("lost", "lost")
    assert re.fullmatch(r"Nothing was heard of it from \S+ since \S+Z: how .+", lost["reason"])
    until((tmp_path / "done").exists)
    assert process.communicate(timeout=60)[0] == b"still\n"


def test_a_wrapper_that_is_killed_while_the_server_is_away_leaves_a_trace(away: Wrapper) -> None:
    process = away.begin("cat", stdin=subprocess.PIPE)
    until(lambda: [*away.spooled])
    alive = away.client.good("wrap", "--flush", "--url", away.server.url)
    killed(process)
    process.communicate(timeout=10)
    come_back(away)

    away.client.good("wrap", "--flush")

    assert alive.err == "0 told.\n"
    assert (away.run()["outcome"], away.spooled) == ("lost", [])
    assert away.run()["reason"].startswith("What reported it was killed")


def test_the_true_end_corrects_a_run_that_was_taken_for_lost(wrap: Wrapper) -> None:
    process = wrap.begin("cat", stdin=subprocess.PIPE)
    run = wrap.running()
    process.send_signal(signal.SIGSTOP)
    lost = wrap.until(lambda run: run["outcome"] == "lost")

    process.send_signal(signal.SIGCONT)
    process.communicate(b"late\n", timeout=60)

    told = wrap.run()
    assert lost["id"] == told["id"] == run["id"]
    assert (told["outcome"], told["exit_code"]) == ("succeeded", 0)
    assert told["reason"] == "It was taken for lost until its end was told."
    assert wrap.output() == b"late\n"


def test_signs_of_life_keep_a_long_command_running(wrap: Wrapper) -> None:
    began = time.monotonic()
    process = wrap.begin("cat", stdin=subprocess.PIPE)
    wrap.running()

    until(lambda: time.monotonic() - began > 4 * BEAT + 4)  # a round of the chores takes two

    assert wrap.run()["state"] == "running"
    process.communicate(b"", timeout=60)
    assert wrap.run()["outcome"] == "succeeded"


def test_a_hundred_at_once_are_a_hundred_runs_of_one_job(wrap: Wrapper) -> None:
    processes = [
        wrap.begin("sh", "-c", f"exit {number}", options=("--quiet",)) for number in range(100)
    ]

    assert [process.wait(110) for process in processes] == [*range(100)]

    until(lambda: wrap.client.good("wrap", "--flush") and not wrap.spooled, 60)
    runs = wrap.runs()
    assert sorted(run["exit_code"] for run in runs) == [*range(100)]
    assert len({run["job"] for run in runs}) == 1
