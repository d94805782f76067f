"""Why a run was made, from what is kept of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobsched.triggers import parse
from jobsched.webjobs.causes import asked, cause
from tests.support.values import run_of

DUE = datetime(2026, 1, 1, tzinfo=UTC)


def stored(**keys: Any) -> Any:
    return parse(keys, created_us=0, timezone="UTC").stored()


def test_who_asks_is_kept_with_the_program() -> None:
    assert asked("deploy", "curl/8.5.0") == "deploy (curl/8.5.0)"
    assert asked("deploy", "") == "deploy"
    assert asked("deploy", "a\nb" + "x" * 500) == f"deploy (ab{'x' * 118})"


@pytest.mark.parametrize(
    ("requested_by", "told"),
    [
        ("deploy (curl/8.5.0)", "External - curl/8.5.0"),
        ("deploy (agent (x64) 1)", "External - agent (x64) 1"),
        ("deploy", "External - deploy"),
    ],
)
def test_a_run_that_was_asked_for_tells_the_program(requested_by: str, told: str) -> None:
    assert cause(run_of(requested_by=requested_by), None) == told


def test_a_run_by_a_schedule_tells_it_written_out() -> None:
    cron = stored(cron={"expression": "*/15 * * * *", "dialect": "ncrontab"})

    assert cause(run_of(due_at=DUE), cron) == "Schedule - 0 0,15,30,45 * * * *"


def test_other_schedules_are_told_in_words() -> None:
    every = stored(interval={"minutes": 5})

    assert cause(run_of(due_at=DUE), every).lower() == "schedule - every 5 minutes"
    assert cause(run_of(due_at=DUE), None) == "Schedule"
    gone = {**every, "calendars": ["gone"]}
    assert cause(run_of(due_at=DUE), gone) == "Schedule - unknown"


def test_an_automatic_retry_says_so() -> None:
    assert cause(run_of(), None) == "External - retry"
