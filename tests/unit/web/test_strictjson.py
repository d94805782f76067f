"""Sound documents pass as they are; of unsound ones every place is named, within reason."""

import json

import pytest

from jobsched.errors import InvalidInput
from jobsched.web import strictjson


def _mistakes(raw: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        strictjson.checked(raw)
    return [(each.field, each.rule) for each in refusal.value.errors]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"a": [1, -1, 1.5, 2**63 - 1, -(2**63) + 1, True, None, "é\U0001f600", ""]},
        {"": {"": []}},
        {"a": {"b": 1}, "c": {"b": 1}},
    ],
)
def test_a_sound_document_passes_unchanged(document: object) -> None:
    text = json.dumps(document, ensure_ascii=False)

    assert strictjson.checked(text.encode()) == text


def test_every_unsound_place_is_named_at_once() -> None:
    raw = b'{"a": NaN, "b": [1e999, {"c": 99999999999999999999, "c": "\\u0000"}]}'

    assert sorted(_mistakes(raw)) == [
        ("a", "finite"),
        ("b[0]", "range"),
        ("b[1].c", "characters"),
        ("b[1].c", "duplicate"),
    ]


@pytest.mark.parametrize("digits", [17, 18, 19, 400, 5000])
def test_a_number_is_judged_by_its_value_however_long_it_is(digits: int) -> None:
    whole = b'{"a": [1, ' + b"9" * digits + b"]}"
    decimal = b'{"a": [1, ' + b"9" * digits + b".5]}"

    assert (strictjson.checked(whole) == whole.decode()) if digits < 19 else _mistakes(whole)
    assert (strictjson.checked(decimal) == decimal.decode()) if digits < 309 else _mistakes(decimal)


@pytest.mark.parametrize("value", ["x", 1, 1.5, None])
def test_a_long_list_of_sound_values_passes(value: object) -> None:
    raw = json.dumps({"a": [value] * 200_000}).encode()

    assert strictjson.checked(raw) == raw.decode()


@pytest.mark.parametrize("value", [{}, [], [[]], {"b": [{}]}])
def test_a_body_of_very_many_objects_and_lists_is_refused(value: object) -> None:
    raw = json.dumps({"a": [value] * strictjson.MAX_CONTAINERS}).encode()

    assert _mistakes(raw) == [("body", "too_many")]


def test_no_more_mistakes_are_told_than_anybody_reads() -> None:
    raw = json.dumps({"a": [float("nan")] * 1000}).encode()

    assert len(_mistakes(raw)) == strictjson.MAX_MISTAKES


def test_names_of_places_can_be_printed_anywhere() -> None:
    raw = b'{"\\ud800\\u0000": {"' + b"x" * 5000 + b'": NaN}}'

    for field, _ in _mistakes(raw):
        assert field.encode()
        assert len(field) <= 300
