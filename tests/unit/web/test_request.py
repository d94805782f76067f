"""Bodies and queries: what is taken, and which field each refusal names."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from jobsched.errors import FieldError, InvalidInput
from jobsched.web.request import body_digest, idempotency_key, json_body, query


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    seconds: int | None = None


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    interval: Inner | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    colour: Colour | None = None
    when: datetime | None = None
    tags: tuple[str, ...] = ()
    params: dict[str, object] = {}

    @field_validator("name")
    @classmethod
    def _not_bad(cls, name: str) -> str:
        if name == "bad":
            raise PydanticCustomError("good", "must be good")
        return name


class Optional(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str | None = None


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    limit: int = Field(default=1000, ge=1, le=1000)
    stop: bool = False
    q: str | None = None
    colour: Colour | None = None
    since: float | None = None
    start: datetime | None = Field(default=None, alias="from")


@pytest.fixture
def app() -> Flask:
    return Flask("test")


def _read(
    app: Flask, body: object, content_type: str | None = "application/json", **options: Any
) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    model = options.pop("model", Body)
    with app.test_request_context("/", method="POST", data=data, content_type=content_type):
        return json_body(model, **options)


def _refused(app: Flask, body: object, content_type: str | None = "application/json") -> Any:
    with pytest.raises(InvalidInput) as refusal:
        _read(app, body, content_type)
    return [(each.field, each.rule) for each in refusal.value.errors]


def test_a_sound_body_becomes_the_model(app: Flask) -> None:
    sent = {
        "name": "näme",
        "colour": "red",
        "when": "2026-01-01T00:00:00Z",
        "tags": ["a"],
        "interval": {"seconds": 5},
    }

    body = _read(app, sent)

    assert body.name == "näme"
    assert body.colour is Colour.RED
    assert body.when.year == 2026
    assert body.tags == ("a",)
    assert body.interval.seconds == 5


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=x"],
)
def test_another_content_type_is_refused_by_name(app: Flask, content_type: str | None) -> None:
    assert _refused(app, {"name": "a"}, content_type) == [("Content-Type", "media_type")]


def test_no_body_is_refused_unless_it_is_optional(app: Flask) -> None:
    refused = _refused(app, b"")

    assert refused == [("body", "required")]
    assert _read(app, b"", None, model=Optional, optional=True).reason is None


@pytest.mark.parametrize(
    ("raw", "field", "rule"),
    [
        (b"{", "body", "json"),
        (b"\xef\xbb\xbf{}", "body", "json"),
        (b"null", "body", "object"),
        (b"[]", "body", "object"),
        (b'"x"', "body", "object"),
        (b"5", "body", "object"),
        (b"NaN", "body", "object"),
        (b'{"name": "\xff"}', "body", "encoding"),
        (b'{"name": "a", "name": "b"}', "name", "duplicate"),
        (b'{"params": {"a": [1, {"b": 1, "b": 2}]}}', "params.a[1].b", "duplicate"),
        (b'{"priority": NaN}', "priority", "finite"),
        (b'{"priority": -Infinity}', "priority", "finite"),
        (b'{"interval": {"seconds": 1e999}}', "interval.seconds", "range"),
        (b'{"priority": ' + b"9" * 5000 + b"}", "priority", "range"),
        (b'{"priority": 9223372036854775808}', "priority", "range"),
        (b'{"name": "\\ud800"}', "name", "characters"),
        (b'{"name": "a\\u0000b"}', "name", "characters"),
        (b'{"params": {"\\ud800": 1}}', "params", "characters"),
        (b'{"params": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "body", "depth"),
        (b"[" * 200_000, "body", "depth"),
    ],
)
def test_an_unsound_document_is_refused_with_its_place(
    app: Flask, raw: bytes, field: str, rule: str
) -> None:
    assert _refused(app, raw) == [(field, rule)]


def test_nesting_of_32_levels_is_the_limit(app: Flask) -> None:
    def nested(levels: int) -> object:
        inner: object = 1
        for _ in range(levels - 2):  # beside the body itself and params
            inner = [inner]
        return {"name": "a", "params": {"deep": inner}}

    assert _read(app, nested(32)).name == "a"
    with pytest.raises(InvalidInput, match="32 levels"):
        _read(app, nested(33))


def test_all_broken_rules_are_told_at_once(app: Flask) -> None:
    refused = _refused(app, {"priority": 101, "intervall": 1, "interval": {"seconds": "5"}})

    assert sorted(refused) == [
        ("interval.seconds", "type"),
        ("intervall", "unknown"),
        ("name", "required"),
        ("priority", "range"),
    ]


def test_the_nearest_known_field_is_suggested_also_further_inside(app: Flask) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _read(app, {"name": "a", "intervall": 1, "interval": {"secconds": 1}})

    messages = {each.field: each.message for each in refusal.value.errors}
    assert messages["intervall"].endswith("Did you mean 'interval'?")
    assert messages["interval.secconds"].endswith("Did you mean 'seconds'?")


def test_what_a_validator_says_is_the_message(app: Flask) -> None:
    with pytest.raises(InvalidInput, match=r"^name must be good\.$"):
        _read(app, {"name": "bad"})


def test_further_mistakes_come_together_with_the_models(app: Flask) -> None:
    def also(body: Mapping[str, Any]) -> list[FieldError]:
        return [
            FieldError(field="name", rule="again", message="told already"),
            FieldError(field="params", rule="unknown", message=f"{body['params']}"),
        ]

    with pytest.raises(InvalidInput) as refusal:
        _read(app, {"params": {"a": 1}}, also=also)

    assert [(each.field, each.rule) for each in refusal.value.errors] == [
        ("name", "required"),
        ("params", "unknown"),
    ]
    assert _read(app, {"name": "a"}, also=also).name == "a"


def _query(app: Flask, text: str) -> Query:
    with app.test_request_context("/", query_string=text):
        return query(Query)


def test_a_sound_query_becomes_the_model(app: Flask) -> None:
    found = _query(app, "limit=5&stop=true&q=a%20b&colour=red&since=1.5&from=2026-01-01T00:00:00Z")

    assert (found.limit, found.stop, found.q, found.since) == (5, True, "a b", 1.5)
    assert found.colour is Colour.RED
    assert found.start is not None


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("limit=", "limit", "number"),
        ("limit=x", "limit", "number"),
        ("limit=-1", "limit", "number"),
        ("limit=%2B5", "limit", "number"),
        ("limit=1_0", "limit", "number"),
        ("limit=5%0A", "limit", "text"),
        ("limit=%D9%A3", "limit", "number"),  # an Arabic three
        ("limit=" + "9" * 5000, "limit", "text"),
        ("limit=" + "9" * 19, "limit", "number"),
        ("limit=0", "limit", "range"),
        ("limit=1&limit=2", "limit", "repeated"),
        ("limitt=1", "limitt", "unknown"),
        ("start=2026-01-01T00:00:00Z", "start", "unknown"),
        ("stop=yes", "stop", "boolean"),
        ("since=1e5", "since", "number"),
        ("since=nan", "since", "number"),
        ("colour=blue", "colour", "choice"),
        ("q=a%00b", "q", "text"),
        ("q=%FF", "query", "encoding"),
    ],
)
def test_an_unsound_query_is_refused_with_its_field(
    app: Flask, text: str, field: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _query(app, text)

    assert [(each.field, each.rule) for each in refusal.value.errors] == [(field, rule)]


def test_an_unknown_parameter_gets_a_suggestion(app: Flask) -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'limit'"):
        _query(app, "limitt=1")


def test_an_idempotency_key_is_visible_ascii(app: Flask) -> None:
    with app.test_request_context("/", headers={"Idempotency-Key": "k-1"}, data=b"x"):
        assert idempotency_key() == "k-1"
        assert len(body_digest()) == 64
    with app.test_request_context("/"):
        assert idempotency_key() is None
    for bad in ("", "a b", "é", "x" * 256):
        with (
            app.test_request_context("/", headers={"Idempotency-Key": bad}),
            pytest.raises(InvalidInput),
        ):
            idempotency_key()
