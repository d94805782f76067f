"""Reading what clients send: strict JSON bodies and typed query parameters.

Plain ``json.loads`` and ``int()`` take too much (duplicate keys, NaN, numbers of 5,000 digits,
digits of other scripts); whatever leaves here is safe to store and every refusal names its field.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import BaseModel, ValidationError

from jobsched.errors import FieldError, InvalidInput, MalformedRequest
from jobsched.web import strictjson
from jobsched.web.fieldnames import suggestion, translate

M = TypeVar("M", bound=BaseModel)
Further = Callable[[Mapping[str, Any]], Sequence[FieldError]]

MAX_VALUE = 1000  # characters of one query parameter
MAX_PARAMETERS = 50
_INTEGER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def json_body(model: type[M], *, optional: bool = False, also: Further | None = None) -> M:
    """Return the request's body as *model*.

    With *optional*, a request without any body counts as ``{}`` and needs no content type.
    *also* is asked for further mistakes in a body that *model* refuses, so that all of them are
    told at once; it gets the body as a dict.

    Raises: MalformedRequest if it is not one JSON object in UTF-8 sent as application/json;
        InvalidInput with every broken rule of *model*.
    """
    raw = request.get_data()
    if optional and not raw:
        return _validated(model, "{}", also)
    _require_json()
    if not raw:
        raise MalformedRequest.field("body", "required", "A JSON object is needed as the body.")
    return _validated(model, strictjson.checked(raw), also)


def json_object() -> dict[str, Any]:
    """Return the request's body as an object of any fields.

    Raises: MalformedRequest if it is not one JSON object in UTF-8 sent as application/json.
    """
    _require_json()
    fields: dict[str, Any] = json.loads(strictjson.checked(request.get_data()))
    return fields


def json_value(model: type[M]) -> M:
    """Return the request's body, any JSON value, as *model*. Raises: as :func:`json_body`."""
    raw = request.get_data()
    _require_json()
    if not raw:
        raise MalformedRequest.field("body", "required", "A JSON value is needed as the body.")
    return _validated(model, strictjson.checked_value(raw), None)


def checked_body(model: type[M], mistakes: Further) -> M:
    """Return the request's body as *model*, unless *mistakes* finds anything in it.

    Raises: as :func:`json_body`; all that is wrong is told at once.
    """
    payload = json_body(model, also=mistakes)
    if found := mistakes(json.loads(request.get_data())):
        raise InvalidInput(found)
    return payload


def query(model: type[M]) -> M:
    """Return the query parameters as *model*: each at most once, none unknown.

    Integers are ASCII digits; truth values are true, false, 1 or 0.

    Raises: InvalidInput with every broken rule.
    """
    _require_utf8()
    values: dict[str, object] = {}
    mistakes: list[FieldError] = []
    for name, texts in _parameters():
        try:
            values[name] = _parameter(model, name, texts)
        except InvalidInput as refusal:
            mistakes.extend(refusal.errors)
    if mistakes:
        raise InvalidInput(mistakes)
    try:
        return model.model_validate(values, strict=False)
    except ValidationError as error:
        raise InvalidInput(translate(error, model)) from None


def idempotency_key() -> str | None:
    """Return the header Idempotency-Key, None when there is none.

    Raises: InvalidInput unless it is 1-255 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        message = "Idempotency-Key must be 1 to 255 visible ASCII characters."
        raise InvalidInput.field("Idempotency-Key", "characters", message)
    return key


def body_digest() -> str:
    """Return the SHA-256 of the body as it was sent, hexadecimal."""
    return hashlib.sha256(request.get_data()).hexdigest()


def _require_json() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype == "application/json" and charset in {"utf-8", "utf8"}:
        return
    sent = request.headers.get("Content-Type") or "nothing"
    message = f"Content-Type must be application/json (sent: {sent[:100]})."
    raise MalformedRequest.field("Content-Type", "media_type", message)


def _validated(model: type[M], text: str, also: Further | None) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        mistakes = translate(error, model)
    told = {each.field for each in mistakes}
    further = also(json.loads(text)) if also else ()
    raise InvalidInput([*mistakes, *(each for each in further if each.field not in told)])


def _require_utf8() -> None:
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        message = "The query is not valid UTF-8."
        raise MalformedRequest.field("query", "encoding", message) from None


def _parameters() -> list[tuple[str, list[str]]]:
    found = list(request.args.lists())
    if len(found) > MAX_PARAMETERS:
        message = f"There are more than {MAX_PARAMETERS} query parameters."
        raise MalformedRequest.field("query", "too_many", message)
    return found


def _parameter(model: type[BaseModel], name: str, texts: list[str]) -> object:
    field = model.model_fields.get(_attribute(model, name))
    shown = name[:100]
    if field is None:
        known = [each.alias or key for key, each in model.model_fields.items()]
        message = f"There is no query parameter {shown!r} here.{suggestion(name, known)}"
        raise InvalidInput.field(shown, "unknown", message)
    if len(texts) > 1:
        raise InvalidInput.field(shown, "repeated", f"{shown} may be given only once.")
    return _typed(shown, texts[0], _types_of(field.annotation))


def _attribute(model: type[BaseModel], name: str) -> str:
    for key, field in model.model_fields.items():
        if name == (field.alias or key):
            return key
    return ""


def _types_of(annotation: object) -> set[object]:
    """Return the plain types of an annotation: ``int | None`` is {int, NoneType}."""
    parts = getattr(annotation, "__args__", None)
    if isinstance(annotation, type) and not parts:
        return {annotation}
    return set().union(*(_types_of(part) for part in parts)) if parts else {annotation}


def _typed(name: str, text: str, types: set[object]) -> object:
    if len(text) > MAX_VALUE or _CONTROL.search(text):
        message = f"{name} must be at most {MAX_VALUE} characters, without control characters."
        raise InvalidInput.field(name, "text", message)
    if bool in types:
        return _truth(name, text)
    if str in types:
        return text
    if int in types:
        return _number(name, text, _INTEGER, "a whole number in ASCII digits")
    if float in types:
        return _number(name, text, _DECIMAL, "a number in ASCII digits")
    return text


def _truth(name: str, text: str) -> bool:
    if text not in _TRUTH:
        raise InvalidInput.field(name, "boolean", f"{name} must be true or false.")
    return _TRUTH[text]


def _number(name: str, text: str, pattern: re.Pattern[str], wanted: str) -> int | float:
    if not pattern.fullmatch(text):
        raise InvalidInput.field(name, "number", f"{name} must be {wanted}.")
    return int(text) if pattern is _INTEGER else float(text)
