"""The runner with real processes: verdicts, and what a job finds."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution.protocol import Identity
from jobsched.execution.runner.forbidding import Forbidden
from tests.support.runner import (
    RunnerClient,
    written,
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_files_for_the_output_are_opened_with_the_rights_of_the_job(runner: RunnerClient) -> None:
    with tempfile.TemporaryDirectory() as name:  # all folders above let everybody in
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "closed").mkdir(mode=0o700)
        given: dict[str, Any] = {"run_as": Identity(uid=65534, gid=65534), "cwd": name}
        nothing = Forbidden(places={}, known={}, owner=-1, devices=frozenset())
        redirect = {"err": None, "forbidden": nothing.to_message()}

        runner.run(1, "echo mine", redirect={"out": "log", **redirect}, **given)
        runner.shell(2, "echo never", redirect={"out": "closed/log", **redirect}, **given)
        refused = runner.receive("refused", 2)

        assert (folder / "log").read_text() == "mine\n"
        assert (folder / "log").stat().st_uid == 65534
        assert refused["reason"] == "outlog closed/log cannot be opened: Permission denied"
        assert not refused["shortage"]
        assert not (folder / "closed" / "log").exists()


def test_limits_bind_the_job_and_not_the_runner(runner: RunnerClient) -> None:
    limited = runner.run(1, "ulimit -n", limits={"open_files": 77})
    free = runner.run(2, "ulimit -n")

    assert written(limited)[0] == b"77\n"
    assert written(free)[0] != b"77\n"
