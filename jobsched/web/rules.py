"""Our names for the rules that inputs can break, and a sentence for each, whatever checks them.

Clients may depend on the names; pydantic's own change with its versions and never leave here.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic_core.core_schema import ErrorType

Rule = Literal[
    "characters", "choice", "finite", "invalid", "length", "range", "required", "time", "type",
    "unknown", "variable",
]  # fmt: skip

# What a text must be made of, by the pattern that says so exactly.
PATTERNS: Mapping[str, str] = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": (
        "must be made of letters, digits, - and _, and begin with a letter or digit"
    ),
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$": "must be the name of a user",
}
WORD, USER = PATTERNS

_TYPES: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of usual size",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_FOREIGN = frozenset(get_args(ErrorType))


def told(kind: str, facts: Mapping[str, Any], said: str) -> tuple[str, str]:
    """Return the rule behind pydantic's *kind* and what follows the field's name in a sentence.

    *facts* are pydantic's, such as the limit; *said* are the words of a validator of ours, which
    raises PydanticCustomError with our rule as its kind.
    """
    if kind in _TYPES:
        return "type", f"must be {_TYPES[kind]}"
    if (sentence := _limit(kind, facts)) is not None:
        return sentence
    return ("invalid", "is not what is expected here") if kind in _FOREIGN else (kind, said)


def _limit(kind: str, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return rule and sentence where pydantic's facts say what would have been right."""
    match kind:
        case "string_too_short" | "string_too_long" | "too_long":
            return "length", _length(kind, facts)
        case "string_pattern_mismatch":
            return "characters", PATTERNS.get(facts["pattern"], "has characters it may not have")
        case "enum" | "literal_error":
            return "choice", f"must be one of {_listed(facts['expected'])}"
        case "finite_number":
            return "finite", "must be a finite number"
    return _bound(kind, facts)


def _length(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == "string_too_short":
        least = facts["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} characters"
    parts = "entries" if kind == "too_long" else "characters"
    return f"may have {facts['max_length']} {parts} at most"


def _bound(kind: str, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    words = {
        "greater_than_equal": ("at least", "ge"),
        "less_than_equal": ("at most", "le"),
        "greater_than": ("more than", "gt"),
        "less_than": ("less than", "lt"),
    }
    if kind not in words:
        return None
    text, name = words[kind]
    return "range", f"must be {text} {_plain(facts[name])}"


def _plain(number: float) -> str:
    """Return 1e9 as 1000000000: nobody types exponents."""
    return str(int(number)) if float(number).is_integer() else str(number)


def _listed(expected: str) -> str:
    """Return pydantic's ``'a', 'b' or 'c'`` without the quotes."""
    return expected.replace("'", "")
