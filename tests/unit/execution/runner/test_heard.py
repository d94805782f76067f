import math
from typing import Any

import pytest

from jobsched.execution.runner.heard import LONGEST_REASON, LONGEST_TEXT, MOST, checked, plain

COUNTS = {"success": 1, "error": 2, "ignore": 0}
REPORT = {"op": "report", "fraction": 0.5, "text": "half", **COUNTS}
ENDED = {
    "op": "ended",
    "exit_code": 3,
    "cpu_us": 10,
    "peak_bytes": 20,
    "dirty": False,
    "reason": "r",
    "exceptions": ["a"],
}


@pytest.mark.parametrize(
    "message",
    [
        REPORT,
        ENDED,
        {"op": "loaded"},
        {"op": "failed", "reason": "r", "exceptions": []},
        {"op": "limit", "seconds": 1.5},
        {"op": "limit", "seconds": None},
    ],
)
def test_what_is_right_is_passed_on(message: dict[str, Any]) -> None:
    assert checked(message) == message


@pytest.mark.parametrize(
    "message",
    [
        [],
        None,
        "report",
        {},
        {"op": []},
        {"op": "nope"},
        {"op": "report"},
        {**REPORT, "success": "x"},
        {**REPORT, "error": None},
        {**REPORT, "ignore": -1},
        {**REPORT, "ignore": True},
        {**REPORT, "ignore": 1.5},
        {"op": "limit", "seconds": "x"},
        {"op": "limit", "seconds": math.nan},
        {"op": "limit", "seconds": math.inf},
        {"op": "limit", "seconds": -1},
        {**ENDED, "exit_code": "x"},
        {**ENDED, "exit_code": None},
        {**ENDED, "cpu_us": {}},
        {**ENDED, "peak_bytes": -1},
    ],
)
def test_what_is_wrong_is_dropped(message: object) -> None:
    assert checked(message) is None


@pytest.mark.parametrize("fraction", ["x", math.nan, math.inf, -0.1, 1.1, True, [], 10**400])
def test_progress_that_is_none_leaves_the_counts(fraction: object) -> None:
    assert checked({**REPORT, "fraction": fraction}) == {**REPORT, "fraction": None}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (5, None),
        ({}, None),
        ("\ud800", "\ufffd"),
        ("a\0b", "a\ufffdb"),
        ("x" * 1000, "x" * LONGEST_TEXT),
    ],
)
def test_words_are_such_as_a_database_takes(text: object, kept: str | None) -> None:
    assert checked({**REPORT, "text": text}) == {**REPORT, "text": kept}


def test_numbers_are_such_as_a_database_takes() -> None:
    told = checked({**REPORT, "success": 10**30})
    ended = checked({**ENDED, "exit_code": 10**30, "cpu_us": 10**30, "reason": "\0" * 9000})

    assert told == {**REPORT, "success": MOST}
    assert ended == {
        **ENDED,
        "exit_code": 255,
        "cpu_us": 2**63 - 1,
        "reason": "\ufffd" * LONGEST_REASON,
    }


def test_nothing_else_is_passed_on() -> None:
    assert checked({**REPORT, "run": 7, "claim": 1}) == REPORT


def test_a_failure_without_words_has_some() -> None:
    assert checked({"op": "failed"}) == {"op": "failed", "reason": "?", "exceptions": None}
    assert plain(None, 10) is None
