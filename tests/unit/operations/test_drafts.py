"""Drafts: the mistakes that only the catalog and the triggers can tell."""

from pathlib import Path
from typing import Any

import pytest

from jobsched.catalog import Catalog, Task, TaskPolicy
from jobsched.errors import InvalidInput
from jobsched.model import Mode
from jobsched.operations.drafts import mistakes, params_mistakes, read_trigger

NOW = 1_700_000_000_000_000
TASK = Task(
    name="example",
    tasks_dir=Path("/tasks"),
    file="a.py",
    class_name="A",
    policy=TaskPolicy(params=("who", "greeting")),
)
CATALOG = Catalog({"example": TASK})


def fields_of(data: dict[str, Any]) -> list[str]:
    return [mistake.field for mistake in mistakes(data, CATALOG, NOW, "UTC")]


def test_a_trigger_is_read_in_the_default_time_zone() -> None:
    trigger = read_trigger(None, {"at": "2030-01-01T00:00:00"}, NOW, "Asia/Tokyo")

    assert trigger is not None
    assert trigger.to_json()["at"] == "2029-12-31T15:00:00Z"


def test_null_is_as_good_as_absent() -> None:
    given = {"at": "2030-01-01T00:00:00Z", "interval": None, "start": None, "count": None}

    trigger = read_trigger(None, given, NOW, "UTC")

    assert trigger is not None
    assert trigger.kind == "at"


def test_a_triggered_job_has_no_trigger() -> None:
    assert read_trigger(Mode.TRIGGERED, {"interval": None}, NOW, "UTC") is None


def test_a_triggered_job_with_moments_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_trigger(Mode.TRIGGERED, {"interval": {"seconds": 1}, "count": 3}, NOW, "UTC")

    assert [error.field for error in refusal.value.errors] == ["count", "interval"]


@pytest.mark.parametrize("given", [{}, {"start": "2030-01-01T00:00:00Z"}, {"interval": None}])
def test_a_scheduled_job_needs_one_kind_of_trigger(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="exactly one of interval, at") as refusal:
        read_trigger(None, given, NOW, "UTC")

    assert refusal.value.errors[0].field == "interval"


def test_parameters_that_the_task_does_not_take_are_named() -> None:
    (mistake,) = params_mistakes(TASK, {"who": 1, "greting": 2})

    assert mistake.field == "params.greting"
    assert mistake.message.endswith("Did you mean greeting?")


def test_all_mistakes_are_found_in_a_raw_request() -> None:
    data = {
        "task": "example",
        "interval": {"seconds": "x"},
        "end": 5,
        "params": {"what": 1, "who": 2},
    }

    assert sorted(fields_of(data)) == ["end", "interval.seconds", "params.what"]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, ["interval"]),
        ({"task": "nope", "mode": "triggered", "params": {"a": 1}}, []),
        ({"task": ["x"], "interval": {"seconds": 1}, "params": 3}, []),
        ({"task": "example", "mode": "triggered", "at": "x"}, ["at"]),
    ],
)
def test_what_the_model_refuses_anyway_is_left_to_it(
    data: dict[str, Any], fields: list[str]
) -> None:
    assert fields_of(data) == fields
