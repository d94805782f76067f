"""Answers to clients of Kudu: JSON with its charset and an entity tag, or nothing at all."""

from typing import Any

from flask import Response
from pydantic_core import to_json

from jobsched.web.answers import conditional, untyped
from jobsched.web.kudu.refusals import JSON


def answer(body: Any, status: int = 200) -> Response:
    """Return *body* as JSON."""
    return Response(to_json(body) + b"\n", status, content_type=JSON)


def nothing(status: int = 200, location: str | None = None) -> Response:
    """Return an empty answer; of no type, as there is nothing in it."""
    return untyped(status, location)


def tagged(body: Any, tag: str | None = None) -> Response:
    """Return *body* with an entity tag (of its bytes, unless one is given); 304 if it is known."""
    return conditional(to_json(body) + b"\n", JSON, tag)
