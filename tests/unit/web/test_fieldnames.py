"""What pydantic says, in our words."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from jobsched.web import fieldnames


class Trigger(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: int


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = "a"
    any_of: list[Trigger] = []
    either: int | Trigger | None = None
    tags: list[int] = []

    @field_validator("name")
    @classmethod
    def _proper(cls, name: str) -> str:
        if name == "x":
            raise PydanticCustomError("letters", "must not be x")
        return name


def _told(body: dict[str, object]) -> list[tuple[str, str, str]]:
    with pytest.raises(ValidationError) as refusal:
        Body.model_validate(body)
    found = fieldnames.translate(refusal.value, Body)
    return [(each.field, each.rule, each.message) for each in found]


def test_places_in_lists_are_named() -> None:
    assert _told({"any_of": [{"seconds": 1}, {}]}) == [
        ("any_of[1].seconds", "required", "any_of[1].seconds is required.")
    ]


def test_a_suggestion_knows_where_it_is() -> None:
    told = _told({"any_of": [{"seconds": 1, "second": 2}], "nam": "b"})

    assert ("nam", "unknown", "There is no field 'nam' here. Did you mean 'name'?") in told
    assert told[0][2].endswith("Did you mean 'seconds'?")


def test_nothing_is_suggested_when_nothing_is_near() -> None:
    assert _told({"zzz": 1}) == [("zzz", "unknown", "There is no field 'zzz' here.")]


def test_a_validators_words_get_their_field() -> None:
    assert _told({"name": "x"}) == [("name", "letters", "name must not be x.")]


def test_what_is_planned_is_not_taken_for_a_slip() -> None:
    known = ["count", "name", "start", "interval"]

    assert fieldnames.suggestion("conut", known) == " Did you mean 'count'?"
    assert fieldnames.suggestion("health", known) == " This version does not have it."


def test_no_more_is_told_than_anybody_reads() -> None:
    assert len(_told({"tags": ["x"] * 1000})) == fieldnames.MAX_ERRORS
