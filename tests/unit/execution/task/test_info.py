"""What a task is told, and what it may report."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobsched.execution.task.info import Info, Reports

Told = list[dict[str, object]]


@pytest.fixture
def told() -> Told:
    return []


def make(told: Told, **facts: object) -> Info:
    return Info(facts, Reports(told.append))


def test_it_unpacks_as_a_pair(told: Told) -> None:
    info = make(told, job_id="j", timeout=60.0, run_id=7)

    job_id, timeout = info

    assert (job_id, timeout, len(info)) == ("j", 60.0, 2)
    assert (info.job_id, info.timeout) == ("j", 60.0)
    assert repr(info) == "Info(job_id='j', timeout=60, run_id=7)"


@pytest.mark.parametrize(("told_as", "shown"), [(60.0, "60"), (1.5, "1.5"), (None, "0")])
def test_the_livetime_looks_as_it_was_set(told: Told, told_as: float | None, shown: str) -> None:
    assert str(make(told, timeout=told_as).timeout) == shown


def test_what_is_not_told_has_a_plain_value(told: Told) -> None:
    info = make(told)

    assert (info.job_id, info.timeout, info.run_id, info.due_at) == (None, 0.0, None, None)
    assert (info.attempt, info.params, info.records) == (1, {}, [])


def test_the_due_time_is_an_aware_moment(told: Told) -> None:
    info = make(told, due_at="2026-01-02T03:04:05.000006Z")

    assert info.due_at == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_many_counts_are_few_reports(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("jobsched.execution.task.info.time.monotonic", lambda: now)
    reports = Reports(told.append)
    info = Info({}, reports)

    for _ in range(1000):
        info.success()
    now += 1
    info.ignore(5)
    info.ignore()
    reports.complete()
    reports.complete()

    assert [report["success"] for report in told] == [1, 1000, 1000]
    assert [report["ignore"] for report in told] == [0, 5, 6]


def test_a_failed_record_is_counted_and_shown(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    make(told).error("no such customer", {"id": 5})

    assert told[0]["error"] == 1
    assert capsys.readouterr().err == 'record failed: no such customer {"id": 5}\n'


def report(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_failed_record_goes_into_the_report_at_once(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "report"
    info = Info({}, Reports(told.append, str(path)))

    info.error("no", {"id": 5}, code="E1", record=7)
    info.success(record=8)
    info.success(3)

    assert report(path) == [
        {
            "status": "error",
            "message": "no",
            "data": {"id": 5},
            "code": "E1",
            "retry_id": 7,
            "told": 1,
        },
        {"status": "success", "retry_id": 8, "told": 1},
    ]


def test_a_long_message_is_cut_and_too_much_data_refused(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "report"
    info = Info({}, Reports(told.append, str(path)))

    info.error("x" * 5000)
    with pytest.raises(ValueError, match="longer than"):
        info.error("no", "x" * 300_000)
    with pytest.raises(ValueError, match="JSON"):
        info.error("no", float("nan"))

    assert [line["message"] for line in report(path)] == ["x" * 4000]
    assert told[0]["error"] == 1


def test_a_report_that_cannot_be_written_fails_no_task(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = Info({}, Reports(told.append, str(tmp_path)))

    info.error("no")

    assert told[0]["error"] == 1
    assert "the record could not be kept: Is a directory" in capsys.readouterr().err


def test_what_a_forked_process_counts_is_in_the_report_alone(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "report"
    reports = Reports(told.append, str(path))
    reports._pid += 1
    info = Info({}, reports)

    info.success(4)
    info.error("no")

    assert told == []
    assert report(path) == [
        {"status": "success", "count": 4},
        {"status": "error", "message": "no"},
    ]


def test_the_records_to_try_again_come_with_their_numbers(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_text('{"retry_id":7,"data":{"id":1}}\n{"retry_id":9,"data":null}\n')

    info = make(told, records=str(path))

    assert (info.records, info.record_ids) == ([{"id": 1}, None], [7, 9])


def test_progress_is_a_fraction_and_a_text(told: Told) -> None:
    make(told).progress(1, "done")

    assert (told[0]["fraction"], told[0]["text"]) == (1.0, "done")


@pytest.mark.parametrize("number", [-1, 1.5, True, "1", None])
def test_a_count_is_a_whole_number(told: Told, number: int) -> None:
    with pytest.raises(ValueError, match="whole number"):
        make(told).success(number)
    with pytest.raises(ValueError, match="whole number"):
        make(told).ignore(number)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_progress_outside_of_0_and_1_is_refused(told: Told, fraction: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        make(told).progress(fraction)


def test_a_forked_child_reports_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    info = make(told)
    monkeypatch.setattr(os, "getpid", lambda: 1)

    info.success()

    assert told == []
