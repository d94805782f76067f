"""Stopping runs: the whole tree, by request, at the time limit, and when the run has ended."""

import signal
from pathlib import Path

import pytest

from jobsched.execution import processes
from jobsched.execution.output import Output
from tests.support.runner import (
    RunnerClient,
    end_cookie,
    lives,
    number_in,
    with_cookie,
    written,
)
from tests.support.waiting import until

# Trees


def test_what_a_run_leaves_behind_is_ended_with_it(runner: RunnerClient, tmp_path: Path) -> None:
    request = runner.shell(1, "sleep 600 & setsid sleep 601 & (setsid sleep 602 &) ; exit 4")

    ended = runner.receive("ended", 1)

    assert ended["exit_code"] == 4
    assert with_cookie(request.cookie) == []


def test_pipes_held_by_a_grandchild_do_not_delay_the_end(runner: RunnerClient) -> None:
    request = runner.shell(1, "echo before; sleep 600 & exit 0", detach=True)

    ended = runner.receive("ended", 1, seconds=5)
    end_cookie(request.cookie)

    assert written(ended)[0] == b"before\n"


def test_nor_do_they_after_a_long_output(runner: RunnerClient) -> None:
    request = runner.shell(
        1, "head -c 100000 /dev/zero; sleep 0.3; sleep 600 & exit 0", detach=True
    )

    ended = runner.receive("ended", 1, seconds=5)
    end_cookie(request.cookie)

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


def test_a_stop_that_is_told_twice_is_heard_once(runner: RunnerClient, tmp_path: Path) -> None:
    heard, finish = tmp_path / "heard", tmp_path / "finish"
    runner.shell(
        1,
        f"trap 'echo 1 >> {heard}; while [ ! -e {finish} ]; do sleep .02; done; exit 7' TERM; "
        f"echo 1 > {tmp_path}/up; while :; do sleep .02; done",
        grace=60,
    )
    number_in(tmp_path / "up")
    runner.stop(1)
    number_in(heard)

    runner.stop(1)
    runner.shell(2, "true")  # once it has ended, the second stop has been dealt with
    runner.receive("ended", 2)
    finish.touch()

    assert runner.receive("ended", 1)["exit_code"] == 7
    assert heard.read_text() == "1\n"


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


def test_no_idle_timeout_is_too_short_for_a_runner(runner: RunnerClient) -> None:
    runner.shell(1, "while :; do :; done", idle_timeout=1e-300)

    ended = runner.run(2, "true")

    assert ended["ended_by"] == "exit"
    runner.stop(1)
    assert runner.receive("ended", 1)["ended_by"] in {"stop", "idle"}


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
