"""Who may die: supervisor and runner, and what is known afterwards."""

import subprocess
import sys
from pathlib import Path

from jobsched.execution import journal
from jobsched.execution.protocol import JOURNAL, unpack
from jobsched.execution.runner import program as runner_module
from jobsched.execution.sweep import sweep
from tests.support.runner import (
    RunnerClient,
    number_in,
    with_cookie,
)


def test_a_run_goes_on_without_its_supervisor(runner: RunnerClient, tmp_path: Path) -> None:
    runner.shell(1, f"until [ -e {tmp_path}/go ]; do sleep .02; done; echo done; exit 5")
    runner.receive("started", 1)
    runner.shell(2, "exit 6")
    runner.receive("ended", 2)

    runner.disconnect()
    states = {state["run"]: state for state in runner.connect()["runs"]}
    (tmp_path / "go").touch()
    ended = runner.receive("ended", 1)

    assert states[1]["state"] == "running"
    assert (states[2]["state"], states[2]["exit_code"]) == ("ended", 6)
    assert ended["exit_code"] == 5


def test_ended_runs_are_told_again_until_forgotten(runner: RunnerClient) -> None:
    runner.run(1, "echo kept")

    before = runner.connect()["runs"]
    runner.send(op="forget", runs=[[1, 1]])
    after = runner.connect()["runs"]

    assert [(state["run"], unpack(state["out"])) for state in before] == [(1, b"kept\n")]
    assert after == []


def test_a_retired_runner_leaves_when_it_hosts_nothing(
    runner: RunnerClient, tmp_path: Path
) -> None:
    runner.shell(1, f"until [ -e {tmp_path}/go ]; do sleep .02; done")
    runner.send(op="retire")
    (tmp_path / "go").touch()
    runner.receive("ended", 1)
    assert runner.process.poll() is None

    runner.send(op="forget", runs=[[1, 1]])

    assert runner.process.wait(10) == 0
    assert not journal.is_held(runner.folder / JOURNAL)


def test_a_retired_runner_takes_no_new_runs(runner: RunnerClient) -> None:
    runner.run(1, "exit 0")
    runner.send(op="retire")

    runner.shell(2, "exit 0")
    refused = runner.receive("refused", 2)

    assert refused["shortage"] is True


def test_a_second_runner_cannot_take_the_folder(runner: RunnerClient) -> None:
    command = [sys.executable, "-I", "-S", runner_module.__file__, "--folder", str(runner.folder)]

    second = subprocess.run(command, capture_output=True, check=False, timeout=15)

    assert (second.returncode, second.stderr) == (1, b"another runner holds this folder\n")
    assert journal.is_held(runner.folder / JOURNAL)
    assert runner.run(1, "exit 0")["exit_code"] == 0


def test_after_a_killed_runner_the_journal_tells_and_the_sweep_ends_the_rest(
    tmp_path: Path,
) -> None:
    client = RunnerClient(tmp_path / "r1")
    client.run(1, "exit 9")
    request = client.shell(
        2, f"setsid sh -c 'echo $$ > {tmp_path}/escaped; sleep 600; true' & sleep 601; true"
    )
    number_in(tmp_path / "escaped")

    client.process.kill()
    client.process.wait()
    client.disconnect()
    held, contents = journal.inspect(client.folder / JOURNAL)
    killed = sweep(contents)

    assert not held
    assert contents.entries[1, 1].end is not None
    assert contents.entries[1, 1].end["exit_code"] == 9
    assert contents.entries[2, 1].open
    assert len(killed) >= 4
    assert with_cookie(request.cookie) == []


def test_nonsense_on_the_socket_only_costs_the_connection(runner: RunnerClient) -> None:
    runner.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")

    assert runner.socket.recv(100) == b""
    assert runner.connect()["runs"] == []


HASTY = (
    "import sys; sys.path.insert(0, {root!r}); from jobsched.execution.runner import program; "
    "program._LONELY = 0.05; sys.exit(program.main(['--folder', {folder!r}]))"
)


def test_a_runner_without_runs_leaves_when_no_supervisor_comes(tmp_path: Path) -> None:
    root = str(Path(runner_module.__file__).parents[3])
    script = HASTY.format(root=root, folder=str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, check=False, timeout=15
    )

    assert (done.returncode, done.stderr) == (0, b"")
