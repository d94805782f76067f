"""The runner with real processes: verdicts, trees, limits, output, and who may die."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution import journal, processes
from jobsched.execution import runner as runner_module
from jobsched.execution.output import Output
from jobsched.execution.protocol import JOURNAL, Identity, Message, unpack
from jobsched.execution.sweep import sweep
from tests.support.runner import RunnerClient, lives, running_runner
from tests.support.waiting import until


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerClient]:
    with running_runner(tmp_path / "r1") as client:
        yield client


def with_cookie(cookie: str) -> list[int]:
    """Return the pids of all living processes that carry *cookie*."""
    everyone = processes.all_processes().values()
    return [one.pid for one in everyone if not one.gone and processes.cookie_of(one.pid) == cookie]


def end_all(cookie: str) -> None:
    for pid in with_cookie(cookie):
        if one := processes.process(pid):
            processes.send(one, signal.SIGKILL)


def written(ended: Message) -> tuple[bytes | None, bytes | None]:
    return unpack(ended["out"]), unpack(ended["err"])


def number_in(path: Path) -> int:
    """Return the number that a script wrote, as one whole line, to *path*."""
    return int(
        until(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text())
    )


# Verdicts


def test_an_exit_code_is_told_with_its_output(runner: RunnerClient) -> None:
    ended = runner.run(1, "echo out; echo err >&2; exit 3")

    assert (ended["exit_code"], ended["signal"], ended["ended_by"]) == (3, None, "exit")
    assert written(ended) == (b"out\n", b"err\n")
    assert ended["chunks"] in {"o4e4", "e4o4"}
    assert (ended["out_bytes"], ended["err_bytes"]) == (4, 4)


def test_a_start_is_told_before_the_end(runner: RunnerClient) -> None:
    runner.shell(1, "exec sleep 60")

    started = runner.receive("started", 1)
    runner.stop(1)
    ended = runner.receive("ended", 1)

    assert started["pid"] > 0
    assert started["started_us"] == ended["started_us"] <= ended["ended_us"]


def test_a_signal_is_told_exactly(runner: RunnerClient) -> None:
    ended = runner.run(1, "kill -SEGV $$")

    assert (ended["exit_code"], ended["signal"], ended["ended_by"]) == (None, 11, "exit")


def test_exit_code_127_is_not_a_refusal(runner: RunnerClient) -> None:
    ended = runner.run(1, "no-such-command-at-all")

    assert ended["exit_code"] == 127


@pytest.mark.parametrize("options", [{}, {"limits": {"open_files": 64}}])
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/no/such/program", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("no-such-program", "not found on PATH"),
    ],
)
def test_what_cannot_be_started_is_refused_with_the_reason(
    runner: RunnerClient, program: str, reason: str, options: dict[str, object]
) -> None:
    runner.start(1, program, **options)

    refused = runner.receive("refused", 1)

    assert refused["reason"] == f"{program} could not be started: {reason}"
    assert refused["shortage"] is False
    assert not runner.connect()["runs"]


def test_a_missing_working_directory_is_refused(runner: RunnerClient) -> None:
    runner.shell(1, "true", cwd="/no/such/folder")

    reason = runner.receive("refused", 1)["reason"]

    assert reason == "the working directory /no/such/folder: No such file or directory"


def test_a_file_without_an_interpreter_is_refused(runner: RunnerClient, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo no first line\n")
    script.chmod(0o700)

    runner.start(1, str(script))

    assert "Exec format error" in runner.receive("refused", 1)["reason"]


def test_cpu_time_and_peak_memory_include_the_children(runner: RunnerClient) -> None:
    ended = runner.run(1, "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; true")

    assert ended["cpu_us"] > 10_000
    assert ended["peak_bytes"] > 1_000_000


def test_the_same_claim_never_starts_twice(runner: RunnerClient, tmp_path: Path) -> None:
    request = runner.shell(1, f"echo ran >> {tmp_path}/ledger")
    runner.receive("ended", 1)

    runner.send(**request.to_message())

    assert runner.receive("ended", 1)["exit_code"] == 0
    assert (tmp_path / "ledger").read_text() == "ran\n"


def test_a_new_claim_of_the_same_run_starts(runner: RunnerClient) -> None:
    runner.run(1, "exit 1")

    ended = runner.run(1, "exit 2", claim=2)

    assert (ended["claim"], ended["exit_code"]) == (2, 2)


# What a job finds


def test_a_job_inherits_no_descriptors_but_its_three(runner: RunnerClient) -> None:
    ended = runner.run(1, "exec ls /proc/self/fd")

    # The fourth is ls's own, for the folder that it lists.
    assert (written(ended)[0] or b"").split() == [b"0", b"1", b"2", b"3"]


def test_a_job_has_a_session_of_its_own_and_a_closed_umask(runner: RunnerClient) -> None:
    ended = runner.run(1, "echo $$; cut -d' ' -f6 /proc/$$/stat; umask; cat")

    pid, session, mask = (written(ended)[0] or b"").split()
    assert pid == session
    assert mask == b"0077"


def test_a_job_ignores_no_signal_and_blocks_none(runner: RunnerClient) -> None:
    ended = runner.run(1, "exec grep -E '^Sig(Ign|Blk)' /proc/self/status")

    _, blocked, _, ignored = (written(ended)[0] or b"").split()
    of_the_c_library = 0b11 << 31  # posix_spawn leaves its two internal signals ignored
    assert int(blocked, 16) == 0
    assert int(ignored, 16) & ~of_the_c_library == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_job_runs_as_somebody_else_for_good(runner: RunnerClient) -> None:
    nobody = Identity(uid=65534, gid=65534)

    ended = runner.run(
        1, "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status", run_as=nobody, cwd="/"
    )

    out = (written(ended)[0] or b"").split()
    assert out == [b"65534", b"65534", b"65534", b"NoNewPrivs:", b"1"]


def test_limits_bind_the_job_and_not_the_runner(runner: RunnerClient) -> None:
    limited = runner.run(1, "ulimit -n", limits={"open_files": 77})
    free = runner.run(2, "ulimit -n")

    assert written(limited)[0] == b"77\n"
    assert written(free)[0] != b"77\n"


# Trees


def test_what_a_run_leaves_behind_is_ended_with_it(runner: RunnerClient, tmp_path: Path) -> None:
    request = runner.shell(1, "sleep 600 & setsid sleep 601 & (setsid sleep 602 &) ; exit 4")

    ended = runner.receive("ended", 1)

    assert ended["exit_code"] == 4
    assert with_cookie(request.cookie) == []


def test_pipes_held_by_a_grandchild_do_not_delay_the_end(runner: RunnerClient) -> None:
    request = runner.shell(1, "echo before; sleep 600 & exit 0", detach=True)

    ended = runner.receive("ended", 1, seconds=5)
    end_all(request.cookie)

    assert written(ended)[0] == b"before\n"


def test_nor_do_they_after_a_long_output(runner: RunnerClient) -> None:
    request = runner.shell(
        1, "head -c 100000 /dev/zero; sleep 0.3; sleep 600 & exit 0", detach=True
    )

    ended = runner.receive("ended", 1, seconds=5)
    end_all(request.cookie)

    assert ended["out_bytes"] == 100_000


def test_a_detached_process_outlives_its_run(runner: RunnerClient, tmp_path: Path) -> None:
    runner.shell(1, f"sleep 600 & echo $! > {tmp_path}/pid; exit 0", detach=True)
    runner.receive("ended", 1)
    pid = number_in(tmp_path / "pid")

    runner.run(2, "sleep 700 & exit 0")

    left = processes.process(pid)
    assert left is not None
    assert not left.gone
    processes.send(left, signal.SIGKILL)


def test_a_stop_reaches_the_whole_tree(runner: RunnerClient, tmp_path: Path) -> None:
    request = runner.shell(
        1,
        f"trap '' TERM; sh -c 'trap \"\" TERM; sleep 600; sleep 601' & "
        f"setsid sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/escaped; sleep 602; sleep 603' & "
        "while :; do sleep 604; done",
        grace=0.2,
    )
    number_in(tmp_path / "escaped")

    runner.stop(1, reason="Stopped by a test.")
    ended = runner.receive("ended", 1)

    assert (ended["ended_by"], ended["reason"], ended["signal"]) == (
        "stop",
        "Stopped by a test.",
        9,
    )
    assert with_cookie(request.cookie) == []


def test_a_stop_need_not_wait_for_obedient_escapees(runner: RunnerClient, tmp_path: Path) -> None:
    runner.shell(
        1, f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' & exec sleep 601", grace=60
    )
    escaped = number_in(tmp_path / "pid")

    runner.stop(1)
    ended = runner.receive("ended", 1, seconds=10)

    assert ended["signal"] == signal.SIGTERM
    assert not lives(escaped)


def test_an_escape_artist_with_a_clean_environment_is_found(
    runner: RunnerClient, tmp_path: Path
) -> None:
    runner.shell(
        1,
        f"(setsid env -i /bin/sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' &) ; exec sleep 601",
    )
    escaped = number_in(tmp_path / "pid")

    runner.stop(1, "kill")
    runner.receive("ended", 1)

    assert not lives(escaped)


def test_a_stopped_run_may_end_in_its_own_way_within_the_grace(
    runner: RunnerClient, tmp_path: Path
) -> None:
    runner.shell(
        1, f"trap 'echo bye; exit 7' TERM; echo 1 > {tmp_path}/up; while :; do sleep .02; done"
    )
    number_in(tmp_path / "up")

    runner.stop(1)
    ended = runner.receive("ended", 1)

    assert (ended["ended_by"], ended["exit_code"]) == ("stop", 7)


def test_a_suspended_run_hears_the_stop(runner: RunnerClient) -> None:
    runner.shell(1, "kill -STOP $$; exit 0")
    pid = runner.receive("started", 1)["pid"]
    until(lambda: (one := processes.process(pid)) and one.state == "T")

    runner.stop(1)

    assert runner.receive("ended", 1, seconds=4)["signal"] == signal.SIGTERM


def test_kill_knows_no_grace(runner: RunnerClient, tmp_path: Path) -> None:
    runner.shell(
        1, f"trap '' TERM; echo 1 > {tmp_path}/up; while :; do sleep 600; done", grace=3600
    )
    number_in(tmp_path / "up")
    runner.stop(1)

    runner.stop(1, "kill")
    ended = runner.receive("ended", 1)

    assert (ended["ended_by"], ended["signal"]) == ("kill", 9)


def test_no_zombies_remain(runner: RunnerClient) -> None:
    for run in range(5):
        runner.run(run, "(sleep 0.01 &) ; (true &) ; exit 0")

    def children() -> list[str]:
        everyone = processes.all_processes().values()
        return [one.state for one in everyone if one.parent == runner.process.pid]

    until(lambda: children() == [])


# Time


def test_a_run_past_its_timeout_is_stopped(runner: RunnerClient) -> None:
    ended = runner.run(1, "echo so far; exec sleep 600", timeout=0.3)

    assert (ended["ended_by"], ended["reason"]) == ("timeout", "It ran longer than 0.3 s.")
    assert Output.in_files(runner.folder / "runs" / "1.1").read("out") == b"so far\n"


def test_an_idle_run_is_stopped(runner: RunnerClient) -> None:
    ended = runner.run(1, "exec sleep 600", idle_timeout=0.4)

    assert ended["ended_by"] == "idle"
    assert ended["reason"] == "Neither output nor CPU time for 0.4 s."


@pytest.mark.parametrize(
    "busy",
    [
        "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done",
        "(i=0; while [ $i -lt 700000 ]; do i=$((i+1)); done) & wait",
    ],
)
def test_output_or_work_of_a_child_is_not_idle(runner: RunnerClient, busy: str) -> None:
    ended = runner.run(1, busy, idle_timeout=0.6)

    assert (ended["ended_by"], ended["exit_code"]) == ("exit", 0)


# Output


def test_longer_output_goes_to_files_in_its_order(runner: RunnerClient) -> None:
    ended = runner.run(1, "for i in 1 2 3; do echo out$i; sleep .1; echo err$i >&2; sleep .1; done")

    output = Output.in_files(runner.folder / "runs" / "1.1")
    assert (ended["out"], ended["err"], ended["chunks"]) == (None, None, None)
    assert (ended["out_bytes"], ended["err_bytes"]) == (15, 15)
    assert output.read() == b"out1\nerr1\nout2\nerr2\nout3\nerr3\n"


def test_a_living_run_s_output_can_be_followed(runner: RunnerClient) -> None:
    runner.shell(1, "echo first; sleep 600")
    path = runner.folder / "runs" / "1.1"

    first = until(lambda: Output.in_files(path).read("out"))

    assert first == b"first\n"


def test_a_flood_is_cut_exactly_and_its_ends_are_identical(
    runner: RunnerClient, tmp_path: Path
) -> None:
    cap = 1_000_000
    source = tmp_path / "source"
    source.write_bytes(os.urandom(20_000_003))

    ended = runner.run(1, f"cat {source}; cat {source} >&2", cap=cap)

    original = source.read_bytes()
    kept = Output.in_files(runner.folder / "runs" / "1.1")
    assert (ended["out_bytes"], ended["err_bytes"]) == (20_000_003, 20_000_003)
    for stream in ("out", "err"):
        data = kept.read(stream)
        head, _, tail = data.partition(b"\n[jobsched: ")
        mark, _, tail = tail.partition(b"\n")
        assert len(data) == cap
        assert head == original[: len(head)]
        assert tail == original[-len(tail) :]
        missing = 20_000_003 - len(head) - len(tail)
        assert mark.strip() == b"%d bytes were cut here]" % missing


def test_a_stream_of_exactly_the_cap_is_whole(runner: RunnerClient, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))

    runner.run(1, f"cat {source}", cap=100_000)

    assert Output.in_files(runner.folder / "runs" / "1.1").read("out") == source.read_bytes()


# Who may die


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
