"""The types of fields that several payloads share, each with its rule."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from jobsched.settings import readers
from jobsched.web.rules import USER, WORD

LONGEST_TIME = 1e9  # seconds, some thirty years
LARGEST_PARAMS = 64 * 1024  # bytes as JSON: they travel in one environment variable
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("characters", "must not contain control characters")
    return text


def _instant(value: object) -> datetime:
    """Return an ISO 8601 text as an aware instant; without an offset it is in UTC."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise PydanticCustomError("time", "must be a time such as 2026-05-01T07:00:00Z")
    try:
        moment = datetime.fromisoformat(value.upper().replace(",", "."))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("time", "is no time: {why}", {"why": str(error)}) from None


def _not_too_large(params: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(json.dumps(params, ensure_ascii=False).encode()) > LARGEST_PARAMS:
        sentence = "must not be larger than {largest} bytes"
        raise PydanticCustomError("length", sentence, {"largest": LARGEST_PARAMS})
    return params


def _variables(env: Mapping[str, str]) -> Mapping[str, str]:
    for name in env:
        if not _VARIABLE.fullmatch(name):
            sentence = "must have names of letters, digits and _, without a digit first"
            raise PydanticCustomError("variable", sentence)
        if name.startswith("JOBSCHED_"):
            raise PydanticCustomError("variable", "must leave names with JOBSCHED_ to jobsched")
    return _not_too_large(env)


def _loopback(url: str) -> str:
    try:
        return readers.loopback_url(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from None


def _exception(text: str) -> str:
    try:
        return readers.exception_name(text)
    except ValueError as error:
        raise PydanticCustomError("characters", "{why}", {"why": str(error)}) from None


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_control)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=WORD)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_no_control)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_no_control)
]
Prose = Annotated[str, StringConstraints(max_length=4000)]
User = Annotated[str, StringConstraints(max_length=64, pattern=USER)]
ExceptionName = Annotated[str, StringConstraints(max_length=200), AfterValidator(_exception)]
LoopbackUrl = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_loopback)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_TIME)]
Priority = Annotated[int, Field(ge=-100, le=100)]
Params = Annotated[dict[str, Any], AfterValidator(_not_too_large)]
Env = Annotated[dict[str, str], AfterValidator(_variables)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

# A query string has only text; request.query reads numbers and truth values, these the rest.
QueryText = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_control)
]
QueryInstant = Annotated[
    str,
    AfterValidator(lambda text: _instant(text) and text),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def to_instant(text: str | None) -> datetime | None:
    """Return the instant of a checked ``QueryInstant``."""
    return None if text is None else _instant(text)
