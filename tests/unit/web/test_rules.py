"""Our own names and sentences for broken rules: nothing of pydantic's gets out."""

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from jobsched.web import rules
from jobsched.web.fieldnames import translate
from jobsched.web.payloads import JobRequest, RunRequest, TokenRequest
from jobsched.web.payloads.base import Payload
from jobsched.web.rules import Rule

GOOD = {"task": "t", "name": "n"}


def told(model: type[Payload], body: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate_json(json.dumps(body))
    return [(each.field, each.rule, each.message) for each in translate(refusal.value, model)]


@pytest.mark.parametrize(
    ("fields", "rule", "sentence"),
    [
        ({"name": ""}, "length", "name must not be empty."),
        ({"name": "x" * 201}, "length", "name may have 200 characters at most."),
        ({"name": 5}, "type", "name must be text."),
        ({"name": "a\nb"}, "characters", "name must not contain control characters."),
        (
            {"group": "a b"},
            "characters",
            "group must be made of letters, digits, - and _, and begin with a letter or digit.",
        ),
        ({"run_as": "a b"}, "characters", "run_as must be the name of a user."),
        ({"priority": 101}, "range", "priority must be at most 100."),
        ({"priority": 1.5}, "type", "priority must be a whole number."),
        ({"timeout": -1}, "range", "timeout must be at least 0."),
        ({"timeout": 1e10}, "range", "timeout must be at most 1000000000."),
        ({"timeout": "5"}, "type", "timeout must be a number."),
        ({"overlap": "x"}, "choice", "overlap must be one of skip, queue or replace."),
        ({"mode": "x"}, "choice", "mode must be one of scheduled, triggered or continuous."),
        ({"detach": "yes"}, "type", "detach must be true or false."),
        ({"tags": "x"}, "type", "tags must be a list."),
        ({"tags": ["x"] * 33}, "length", "tags may have 32 entries at most."),
        ({"params": []}, "type", "params must be an object."),
        ({"retries": 5}, "type", "retries must be an object."),
        ({"env": {"1": "x"}}, "variable", None),
        ({"env": {"JOBSCHED_X": "x"}}, "variable", None),
        ({"params": {"x": "y" * 70_000}}, "length", "params must not be larger than 65536 bytes."),
    ],
)
def test_a_broken_rule_has_our_name_and_a_sentence(
    fields: dict[str, Any], rule: str, sentence: str | None
) -> None:
    (mistake,) = told(JobRequest, {**GOOD, **fields})

    assert mistake[1] == rule
    assert sentence is None or mistake[2] == sentence


def test_times_are_told_alike_everywhere() -> None:
    for model, field in ((RunRequest, "at"), (TokenRequest, "expires_at")):
        (mistake,) = [each for each in told(model, {field: "2026-13-01"}) if each[0] == field]
        assert mistake == (field, "time", f"{field} is no time: month must be in 1..12.")


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_name_of_pydantics_gets_out(kind: str) -> None:
    limits = ("min_length", "max_length", "ge", "le", "gt", "lt")
    facts = {**dict.fromkeys(limits, 1), "pattern": "x", "expected": "'x'"}

    rule, sentence = rules.told(kind, facts, "Input should be something else")

    assert rule in get_args(Rule)
    assert "Input" not in sentence
