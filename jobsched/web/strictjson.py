"""JSON as a server may believe it: one object, each key once, numbers that can be stored.

Python's parser lets pass what breaks later: duplicate keys (the last wins), NaN and Infinity,
integers that fit no database, lone surrogates that cannot be written as UTF-8. Here the whole
document is read once and every such place is named by its path, such as ``params.limits[2]``.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from jobsched.errors import FieldError, InvalidInput, MalformedRequest

MAX_DEPTH = 32
MAX_MISTAKES = 20
MAX_CONTAINERS = 25_000  # objects and lists, more than parameters of 64 KB can hold
_LARGEST = 2**63 - 1
# Without either, every number is finite and fits in 64 bits; then none need be looked at.
_SUSPICIOUS = re.compile(r"[0-9]{18}|[0-9][eE]")
_SOUND = frozenset({int, float, bool, type(None)})

# A place in the document: the place around it and the key or index in there.
Place = tuple["Place | None", str | int]


class _Unusable:
    """Stands in the parsed document for a number that is none."""

    def __init__(self, text: str, rule: str, message: str) -> None:
        self.text, self.rule, self.message = text, rule, message


class _Doubled(dict[str, object]):
    """An object in which *key* stood more than once."""

    key = ""


def checked(raw: bytes) -> str:
    """Return the text of *raw* once it is known to be one sound JSON object.

    Raises: MalformedRequest with every unsound place.
    """
    text = _text(raw)
    document = _parsed(text)
    if not isinstance(document, dict):
        raise MalformedRequest.field("body", "object", "The body must be a JSON object.")
    _require_sound(document)
    return text


def checked_value(raw: bytes) -> str:
    """Return the text of *raw* once it is known to be one sound JSON value of any kind.

    Raises: MalformedRequest with every unsound place.
    """
    text = _text(raw)
    _require_sound(_parsed(text))
    return text


def _require_sound(document: object) -> None:
    if mistakes := _mistakes(document):
        raise MalformedRequest(mistakes)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"The body is not valid UTF-8 (at byte {error.start})."
        raise MalformedRequest.field("body", "encoding", message) from None


def _parsed(text: str) -> object:
    suspicious = _SUSPICIOUS.search(text) is not None
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer if suspicious else None,
            parse_float=_decimal if suspicious else None,
        )
    except RecursionError:
        raise _too_deep("body") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        message = f"The body is not JSON: {error.msg} ({where})."
        raise MalformedRequest.field("body", "json", message) from None


def _too_deep(field: str) -> InvalidInput:
    message = f"The body is nested more than {MAX_DEPTH} levels deep."
    return MalformedRequest.field(field, "depth", message)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    seen: set[str] = set()
    doubled = _Doubled(result)
    for key, _ in pairs:
        if key in seen:
            doubled.key = key
            break
        seen.add(key)
    return doubled


def _constant(text: str) -> object:
    return _Unusable(text, "finite", "NaN and Infinity are not JSON numbers")


def _integer(text: str) -> object:
    if len(text) <= 20 and -_LARGEST <= (value := int(text)) <= _LARGEST:
        return value
    return _Unusable(text, "range", "whole numbers must fit in 64 bits")


def _decimal(text: str) -> object:
    value = float(text)
    if math.isfinite(value):
        return value
    return _Unusable(text, "range", "this number is too large")


def _mistakes(document: object) -> list[FieldError]:
    found: list[FieldError] = []
    pending: list[tuple[Place | None, object, int]] = [(None, document, 1)]
    looked_at = 0
    while pending and len(found) < MAX_MISTAKES:
        looked_at += 1
        if looked_at + len(pending) > MAX_CONTAINERS:
            message = f"The body holds more than {MAX_CONTAINERS} objects and lists."
            raise MalformedRequest.field("body", "too_many", message)
        place, value, depth = pending.pop()
        if depth > MAX_DEPTH and isinstance(value, dict | list):
            raise _too_deep(_path(place))
        found.extend(_mistakes_at(place, value))
        children = islice(_children(place, value), MAX_CONTAINERS)
        pending.extend((*child, depth + 1) for child in children)
    return found


def _children(place: Place | None, value: object) -> Iterator[tuple[Place, object]]:
    """Yield what in *value* has to be looked at: not the numbers and texts that are sound."""
    pairs: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, child in pairs:
        if type(child) in _SOUND or (type(child) is str and _storable(child)):
            continue
        yield (place, key), child


def _mistakes_at(place: Place | None, value: object) -> Iterator[FieldError]:
    if isinstance(value, _Unusable):
        yield _mistake(place, value.rule, value.message)
    elif isinstance(value, _Doubled):
        yield _mistake((place, value.key), "duplicate", "the key stands there more than once")
    elif isinstance(value, str) and not _storable(value):
        yield _mistake(place, "characters", "NUL and lone surrogates are not text")
    if isinstance(value, dict) and not all(map(_storable, value)):
        yield _mistake(place, "characters", "a key holds NUL or a lone surrogate")


def _mistake(place: Place | None, rule: str, message: str) -> FieldError:
    field = _path(place)
    return FieldError(field=field, rule=rule, message=f"{field}: {message}.")


def _storable(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _path(place: Place | None) -> str:
    """Return a place as ``retries.exit_codes[2]``; ``body`` for the document itself."""
    parts: list[str | int] = []
    while place is not None:
        place, part = place
        parts.append(part)
    return joined(reversed(parts)) or "body"


def joined(parts: "Iterator[str | int]") -> str:
    """Return keys and indexes as one path that any client can print."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_printable(part)}" if text else _printable(part)
    return text[:300]


def _printable(key: str) -> str:
    return key[:100].encode("ascii" if "\0" in key else "utf-8", "backslashreplace").decode()
