import os
from pathlib import Path

import pytest

from jobsched.execution.protocol import StartRequest
from jobsched.execution.runner.hosted import ENDED, LEAVING, RUNNING, Hosted


def a_run(tmp_path: Path, **options: object) -> Hosted:
    request = StartRequest(
        run=7,
        claim=2,
        argv=["x"],
        cwd="/",
        env={},
        path=str(tmp_path / "7.2"),
        cookie="c",
        **options,  # type: ignore[arg-type]
    )
    return Hosted(request, 100.0, 1_000_000)


STATUS = {"exit_code": 0, "signal": None, "cpu_us": 5, "peak_bytes": 6}


def test_a_new_run_is_looked_after_when_its_output_is_no_longer_young(tmp_path: Path) -> None:
    assert a_run(tmp_path).next_moment() == 100.2


def test_an_older_run_without_limits_is_left_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.age(100.3)

    assert run.next_moment() is None


@pytest.mark.parametrize(
    ("timeout", "expected"), [(0.1, 100.1), (60, 160), (0, None), (None, None)]
)
def test_the_timeout_is_a_moment_and_0_is_none(
    tmp_path: Path, timeout: float | None, expected: float | None
) -> None:
    run = a_run(tmp_path, timeout=timeout)
    run.capture.to_files()

    assert run.next_moment() == expected


def test_a_stopped_run_only_waits_for_its_kill(tmp_path: Path) -> None:
    run = a_run(tmp_path, timeout=5)
    run.capture.to_files()
    run.stopped_by, run.kill_at = "stop", 103.0

    assert run.next_moment() == 103.0


def test_a_run_is_told_as_running_until_nothing_of_it_lives(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.pid = 44
    before = run.present_message()
    run.end(STATUS, 2_000_000)
    leaving = run.present_message()

    assert run.state == LEAVING
    assert before == leaving
    assert before["op"] == "started"
    assert (before["state"], before["pid"], before["started_us"]) == (RUNNING, 44, 1_000_000)


def test_the_end_has_all_facts_and_the_small_output(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.counts = {"success": 1, "error": 0, "ignore": 0}
    run.end(STATUS, 2_000_000)
    run.complete()
    run.state = ENDED

    assert run.present_message() == {
        "op": "ended",
        "run": 7,
        "claim": 2,
        "ended_by": "exit",
        "reason": None,
        **STATUS,
        "started_us": 1_000_000,
        "ended_us": 2_000_000,
        "out_bytes": 0,
        "err_bytes": 0,
        "counts": run.counts,
        "out": None,
        "err": None,
        "chunks": None,
    }


def test_all_reasons_are_told(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.stopped_by, run.reason, run.note = "timeout", "Too long.", "ValueError: x"
    run.capture.failure = "its output is incomplete: full"
    run.end(STATUS, 0)
    run.complete()

    assert run.facts["ended_by"] == "timeout"
    assert run.facts["reason"] == "Too long. ValueError: x its output is incomplete: full"


def test_the_facts_for_the_journal_hold_no_output(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.end(STATUS, 0)
    run.complete()

    assert not {"out", "err", "chunks"} & run.facts.keys()


@pytest.mark.timeout(20)
def test_a_named_pipe_in_place_of_its_shutdown_file_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "shutdown" / "file"
    path.parent.mkdir()
    os.mkfifo(path)

    assert a_run(tmp_path, shutdown_file=str(path)).write_shutdown_file()
