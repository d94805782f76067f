"""Pydantic's complaints in our words: which field, which rule, one sentence, did you mean."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jobsched.errors import FieldError
from jobsched.web import rules, strictjson

MAX_ERRORS = 50
# Whoever writes one of these means it: to take it for a slip would mislead.
_ELSEWHERE = frozenset({"health"})


def translate(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Return what *error* says about an input for *model*, at most 50 field errors."""
    details = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return [_field_error(each, model) for each in details]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'interval'?``, or nothing when no known name is near."""
    if name in _ELSEWHERE:
        return " This version does not have it."
    near = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def _field_error(detail: ErrorDetails, model: type[BaseModel]) -> FieldError:
    location = [part for part in detail["loc"] if not _is_tag(part)]
    field = strictjson.joined(iter(location)) or "body"
    kind = detail["type"]
    if kind == "missing":
        return FieldError(field=field, rule="required", message=f"{field} is required.")
    if kind == "extra_forbidden":
        hint = suggestion(str(location[-1]), _names_at(model, location[:-1]))
        message = f"There is no field {field!r} here.{hint}"
        return FieldError(field=field, rule="unknown", message=message)
    rule, said = rules.told(kind, detail.get("ctx", {}), detail["msg"])
    return FieldError(field=field, rule=rule, message=_sentence(field, said))


def _is_tag(part: str | int) -> bool:
    """Tell the branches of unions, such as ``function-after[...]``, from names of fields."""
    return isinstance(part, str) and part.startswith(("function-", "constrained-", "lax-or-"))


def _sentence(field: str, said: str) -> str:
    """Return a whole sentence about *field*, such as ``name must not be empty``."""
    subject = "The body" if field == "body" else field
    return f"{subject} {said}."


def _names_at(model: type[BaseModel], location: list[str | int]) -> list[str]:
    """Return the names of the fields of the model found by following *location*."""
    models: list[type[BaseModel]] = [model]
    for part in location:
        if isinstance(part, int):
            continue
        models = [inner for each in models for inner in _models_of(each, part)] or models
    return [field.alias or key for each in models for key, field in each.model_fields.items()]


def _models_of(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    for key, field in model.model_fields.items():
        if name in {key, field.alias}:
            return list(_models_in(field.annotation))
    return []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)
