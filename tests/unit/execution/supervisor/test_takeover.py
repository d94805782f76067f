"""Taking a report over: numbers, counts, and which given record an error means."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution.supervisor import takeover
from jobsched.execution.supervisor.lines import ReportLines
from jobsched.execution.supervisor.takeover import Given, Takeover
from jobsched.storage.records import Failure, digest_of, text_of
from jobsched.storage.tallies import Report


def given(*records: object) -> Given:
    """Return what a retry was given: numbers from 10 on."""
    texts = [text_of(one) for one in records]
    return Given((10 + n, digest_of(text)) for n, text in enumerate(texts))


def taken(
    folder: Path, lines: list[dict[str, Any] | str], known: Given | None = None
) -> tuple[list[Failure], list[int], Report]:
    """Return what was taken over of a report with these lines."""
    path = folder / "report"
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    one = Takeover(7, ReportLines(str(path)), lambda: known or Given(()))
    failures: list[Failure] = []
    solved: list[int] = []
    while not one.over:
        portion = one.portion()
        assert portion.run_id == 7
        failures += portion.failures
        solved += portion.solved
    return failures, solved, one.report()


def error(data: object = None, **more: object) -> dict[str, Any]:
    return {"status": "error", "message": "no", "data": data, **more}


def test_errors_are_numbered_from_one_and_counts_are_sums(tmp_path: Path) -> None:
    failures, solved, report = taken(
        tmp_path,
        [
            error("a"),
            {"status": "success", "count": 3},
            error("b", told=1),
            {"status": "success", "retry_id": 4},
            {"status": "ignore", "count": 2},
            {"status": "success", "retry_id": 5, "told": 1},
        ],
    )

    assert [(one.number, one.data, one.record) for one in failures] == [
        (1, '"a"', None),
        (2, '"b"', None),
    ]
    assert solved == [4, 5]
    assert report == Report(success=4, ignore=2, errors=2, told=1)


def test_bad_lines_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    _, _, report = taken(tmp_path, [error(), "nonsense", "{}", error()])

    assert report.errors == 2
    note = "Of the lines of its report 2 are no records: first of all line 2 is not JSON."
    assert report.note == note


def test_one_bad_line_is_named(tmp_path: Path) -> None:
    _, _, report = taken(tmp_path, [error(), "{}"])

    why = 'has no "status" of error, success or ignore'
    assert report.note == f"Of the lines of its report 1 is no record: line 2 {why}."


def test_beyond_the_most_records_only_counts_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "MOST_RECORDS", 2)

    failures, _, report = taken(tmp_path, [error(n) for n in range(5)])

    assert [one.number for one in failures] == [1, 2]
    assert (report.errors, report.unkept) == (5, 3)
    assert report.note == "Of its failed records 3 are only counted."


def test_an_error_names_its_record_by_number_or_by_equal_data(tmp_path: Path) -> None:
    known = given({"a": 1, "b": 2}, "two", "three")

    failures, _, _ = taken(
        tmp_path,
        [error(retry_id=12), error({"b": 2, "a": 1}), error("new"), error("two", retry_id=999)],
        known,
    )

    assert [one.record for one in failures] == [12, 10, None, None]


def test_of_equal_records_the_first_not_yet_named_is_meant(tmp_path: Path) -> None:
    known = given("x", "y", "x", None, "x", None)

    lines = [error("x", retry_id=12), *[error("x")] * 3, error(), error(), error(), error("y")]
    failures, _, _ = taken(tmp_path, [*lines], known)

    assert [one.record for one in failures] == [12, 10, 14, None, 13, 15, None, 11]


def test_a_record_named_twice_is_one_record(tmp_path: Path) -> None:
    failures, _, report = taken(
        tmp_path, [error(retry_id=10, told=1), error(retry_id=10, told=1)], given("x")
    )

    assert [one.record for one in failures] == [10]
    assert (report.errors, report.told) == (1, 2)


def test_a_hundred_thousand_equal_records_are_matched_one_by_one(tmp_path: Path) -> None:
    count = 100_000
    known = given(*["x"] * count)

    assert [known.equal('"x"') for _ in range(count)] == [*range(10, 10 + count)]
    assert known.equal('"x"') is None
