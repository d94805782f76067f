"""Answers to clients of Kudu: JSON with its charset and an entity tag, or nothing at all."""

import hashlib
from typing import Any

from flask import Response, request
from pydantic_core import to_json

from jobsched.web.kudu.refusals import JSON


def answer(body: Any, status: int = 200) -> Response:
    """Return *body* as JSON."""
    return Response(to_json(body) + b"\n", status, content_type=JSON)


def nothing(status: int = 200, location: str | None = None) -> Response:
    """Return an empty answer; of no type, as there is nothing in it."""
    response = Response(b"", status)
    del response.headers["Content-Type"]
    if location is not None:
        response.headers["Location"] = location
    return response


def tagged(body: Any, tag: str | None = None) -> Response:
    """Return *body* with an entity tag (of its bytes, unless one is given); 304 if it is known."""
    data = to_json(body) + b"\n"
    tag = tag or hashlib.blake2b(data, digest_size=12).hexdigest()
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(tag):
        response = nothing(304)
    else:
        response = Response(data, content_type=JSON)
    response.set_etag(tag)
    return response
