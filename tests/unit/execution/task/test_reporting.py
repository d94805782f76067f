"""``jobsched record``: what it writes, and how it refuses."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobsched.execution.task import reporting
from jobsched.execution.task.reporting import FAILED, OK, USAGE, main


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "7.1.report"


def record(report: Path, *argv: str) -> int:
    return main(argv, {"JOBSCHED_REPORT": str(report)})


def lines(report: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in report.read_text().splitlines()]


def test_an_error_is_a_line_with_all_that_was_said(report: Path) -> None:
    said = ("--error", "nö customer", "--data", '{"id": [5]}', "--code", "E404", "--retry-id", "3")

    assert record(report, *said) == OK

    assert lines(report) == [
        {
            "status": "error",
            "message": "nö customer",
            "data": {"id": [5]},
            "code": "E404",
            "retry_id": 3,
        }
    ]
    assert report.stat().st_mode & 0o777 == 0o600


def test_counts_are_lines_of_their_own_one_by_default(report: Path) -> None:
    assert record(report, "--success", "963", "--ignore", "2", "--error", "no") == OK
    assert record(report, "--success", "--ignore") == OK
    assert record(report, "--success", "--retry-id", "4") == OK

    assert lines(report) == [
        {"status": "error", "message": "no"},
        {"status": "success", "count": 963},
        {"status": "ignore", "count": 2},
        {"status": "success", "count": 1},
        {"status": "ignore", "count": 1},
        {"status": "success", "count": 1, "retry_id": 4},
    ]


def test_data_may_come_from_stdin(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1,\n2]"))

    assert record(report, "--error", "no", "--data", "-") == OK

    assert lines(report)[0]["data"] == [1, 2]


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ((), "one of --error, --success and --ignore is needed"),
        (("--data", "1"), "is needed"),
        (("--success", "--data", "1"), "--data and --code belong to --error"),
        (("--error", "no", "--data", "{"), "--data is not JSON"),
        (("--error", "no", "--data", "NaN"), "not JSON"),
        (("--error", "no", "--data", "[" * 100_000), "--data is not JSON"),
        (("--error", "no", "--data", json.dumps("x" * 300_000)), "must not be longer than"),
        (("--success", "-1"), "no whole number"),
        (("--success", "1.5"), "no whole number"),
        (("--success", "9" * 30), "no whole number"),
        (("--ignore", "--retry-id", "4"), "--retry-id belongs to --error or --success"),
        (("--error",), "expected one argument"),
        (("--err", "no"), "unrecognized arguments: --err no"),
        (("--success", "1", "more"), "unrecognized arguments: more"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(
    report: Path, argv: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(report, *argv) == USAGE

    said = capsys.readouterr().err
    assert said.startswith("usage: jobsched record")
    assert why in said
    assert not report.exists()


def test_outside_a_run_there_is_no_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--success"], {}) == FAILED

    assert "JOBSCHED_REPORT is not set" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_is_not_written_to(
    report: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = report.with_name("target")
    if kind == "folder":
        report.mkdir()
    elif kind == "link":
        report.symlink_to(target)
    else:
        os.mkfifo(report)

    assert record(report, "--success") == FAILED

    assert "nothing was recorded" in capsys.readouterr().err
    assert not target.exists()


def test_a_line_that_was_cut_costs_no_other(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, cut = os.write, iter([3])
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[: next(cut, len(data))]))

    assert record(report, "--success") == FAILED
    assert record(report, "--ignore") == OK

    assert report.read_bytes() == b'{"s\n{"status":"ignore","count":1}\n'


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"], {}) == OK

    assert "jobsched record --error" in capsys.readouterr().out


def test_it_runs_as_a_file_without_the_package(report: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", reporting.__file__, "--error", "no"]

    done = subprocess.run(
        command, env={"JOBSCHED_REPORT": str(report)}, cwd=tmp_path, check=False, timeout=30
    )

    assert done.returncode == OK
    assert lines(report) == [{"status": "error", "message": "no"}]
