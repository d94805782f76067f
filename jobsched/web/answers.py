"""Answers in JSON, with entity tags where a client may keep them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request
from pydantic_core import to_json

from jobsched.web.links import next_url

JSON = "application/json"

Body = Mapping[str, Any] | Sequence[Any]


def answer(body: Body, status: int = 200, location: str | None = None) -> Response:
    """Return *body* as JSON."""
    response = Response(to_json(body) + b"\n", status, mimetype=JSON)
    if location is not None:
        response.headers["Location"] = location
    return response


def nothing(status: int, location: str | None = None) -> Response:
    """Return an empty answer, as seed 002 shows it: with a type all the same."""
    response = Response(b"", status)
    if location is not None:
        response.headers["Location"] = location
    return response


def untyped(status: int, location: str | None = None) -> Response:
    """Return an empty answer as Kudu gives it: of no type, as there is nothing in it."""
    response = nothing(status, location)
    del response.headers["Content-Type"]
    return response


def tagged(body: Body, version: int | None = None) -> Response:
    """Return *body* with its entity tag, or 304 if that is what the client has.

    The tag of a thing with a *version* begins with it: see :func:`expected_versions`.
    """
    return conditional(to_json(body) + b"\n", JSON, before="" if version is None else f"{version}-")


def conditional(
    data: bytes, content_type: str, tag: str | None = None, *, before: str = ""
) -> Response:
    """Return *data* with its entity tag, or 304 if that is what the client has.

    Unless it is given, the *tag* is a digest of *data*, with *before* in front.
    """
    tag = tag or before + hashlib.blake2b(data, digest_size=12).hexdigest()
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(tag):
        response = untyped(304)
    else:
        response = Response(data, content_type=content_type)
    response.set_etag(tag)
    return response


def expected_versions() -> frozenset[int] | None:
    """Return the versions that the header If-Match allows, None when it allows any.

    What changes by itself (the next moment, the newest run) is not compared.
    """
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    versions = (tag.partition("-")[0] for tag in request.if_match)
    return frozenset(int(text) for text in versions if text.isdecimal() and len(text) < 18)


def page(values: list[dict[str, Any]], cursor: str | None) -> Response:
    """Return one page of a list, which tells where the next one is."""
    following = next_url(cursor)
    response = tagged({"values": values, "next": following})
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response
