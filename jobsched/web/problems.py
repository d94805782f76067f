"""The one place where an error becomes an answer: problem+json (RFC 9457), never HTML.

Shape: ``type`` (``/errors/<class name in kebab case>``), ``title``, ``status``, ``detail``,
``instance`` (the path asked for), ``description`` (= detail) and, for input errors,
``errors: [{field, rule, message}]``. An interface whose clients expect something else tells the
same problems in a form of its own (:func:`speak`).
"""

import errno
import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus

from flask import Flask, Response, current_app, g, request
from flask.sansio.app import App
from werkzeug.exceptions import HTTPException

from jobsched import errors

MEDIA_TYPE = "application/problem+json"
CHALLENGES = ('Bearer realm="jobsched"', 'Basic realm="jobsched", charset="UTF-8"')

Form = Callable[[Mapping[str, object]], tuple[bytes, str]]  # a problem as body and content type

_FORMS = "jobsched.problem_forms"
_log = logging.getLogger(__name__)
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_CLASSES: Mapping[int, type[errors.JobschedError]] = {
    kind.status: kind
    for kind in (
        errors.MalformedRequest,
        errors.NotAuthenticated,
        errors.NotAllowed,
        errors.UnknownPage,
        errors.WrongMethod,
        errors.Conflict,
        errors.StaleVersion,
        errors.TooLarge,
        errors.RangeNotSatisfiable,
        errors.TooManyRequests,
        errors.Unavailable,
    )
}
# What the machine may run out of; no defect of ours, and over soon, so no 500.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SENTENCES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    413: "The request's body is larger than this route takes.",
}


def install(app: Flask) -> None:
    """Answer every error of *app* from here."""
    app.register_error_handler(Exception, respond)


def speak(app: App, path: str, form: Form) -> None:
    """Tell problems in another *form* where *path*, a regular expression, matches the beginning.

    Of several that match, the one that matches most of the path asked for is taken.
    """
    app.extensions.setdefault(_FORMS, []).append((re.compile(path), form))


def respond(error: Exception) -> Response:
    """Return the answer for any exception that a request ended with."""
    if isinstance(error, errors.JobschedError):
        return _for_refusal(error)
    if isinstance(error, HTTPException):
        return _for_http(error)
    shortage = _shortage(error)
    return _for_surprise(error) if shortage is None else _for_refusal(shortage)


def document(
    *, kind: str, title: str, status: int, detail: str, instance: str | None
) -> dict[str, object]:
    """Return the members that every problem has."""
    return {
        "type": f"/errors/{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "description": detail,
    }


def slug(kind: type[errors.JobschedError]) -> str:
    """Return the last part of a class's type, such as ``unknown-job``."""
    return _WORD.sub("-", kind.__name__).lower()


def render(problem: Mapping[str, object]) -> bytes:
    """Return *problem* as the bytes of a body."""
    return json.dumps(problem).encode() + b"\n"


def _shortage(error: Exception) -> errors.JobschedError | None:
    """Return what *error* means if the machine has run out of something."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _SHORTAGES:
        return errors.Unavailable(f"The server is short of something: {os.strerror(number)}.")
    if number in _FULL:
        return errors.DiskFull("The disk is full.")
    return None


def _for_refusal(error: errors.JobschedError) -> Response:
    problem = document(
        kind=slug(type(error)),
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request.path,
    )
    if isinstance(error, errors.InvalidInput):
        problem["errors"] = [asdict(each) for each in error.errors]
    return _answer(problem, error.status, _headers_of(error))


def _headers_of(error: errors.JobschedError) -> list[tuple[str, str]]:
    if isinstance(error, errors.NotAuthenticated):
        return [("WWW-Authenticate", challenge) for challenge in CHALLENGES]
    if isinstance(error, errors.TooManyRequests | errors.Unavailable):
        return [("Retry-After", str(error.retry_after))]
    if isinstance(error, errors.TooLarge):
        # What is still coming of the body is not worth reading.
        return [("Connection", "close")]
    if isinstance(error, errors.RangeNotSatisfiable) and "size" in error.facts:
        return [("Content-Range", f"bytes */{error.facts['size']}")]
    if isinstance(error, errors.StaleVersion) and "etag" in error.facts:
        return [("ETag", f'"{error.facts["etag"]}"')]
    return []


def _for_http(error: HTTPException) -> Response:
    """Translate what Flask and werkzeug refuse; their redirects pass unchanged."""
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=error.get_headers())
    kind = _CLASSES.get(status)
    title = kind.title if kind else HTTPStatus(status).phrase
    problem = document(
        kind=slug(kind) if kind else title.lower().replace(" ", "-"),
        title=title,
        status=status,
        detail=_sentence(error, status),
        instance=request.path,
    )
    if status == 400:
        problem["errors"] = []
    return _answer(problem, status, _own_headers(error, status))


def _sentence(error: HTTPException, status: int) -> str:
    if status == 405:
        return f"{request.method} is not possible here."
    return _SENTENCES.get(status) or error.description or HTTPStatus(status).phrase


def _own_headers(error: HTTPException, status: int) -> list[tuple[str, str]]:
    kept = [(k, v) for k, v in error.get_headers() if k.lower() not in {"content-type"}]
    return [*kept, ("Connection", "close")] if status == 413 else kept


def _for_surprise(error: Exception) -> Response:
    identity = g.get("request_id", "-")
    # The edge of a request: whatever escaped is a defect of ours, told once, here.
    _log.error("request failed request=%s", identity, exc_info=error)
    detail = f"Something went wrong in the server; its log has it under request {identity}."
    problem = document(
        kind="internal-error",
        title="Internal error",
        status=500,
        detail=detail,
        instance=request.path,
    )
    return _answer(problem, 500, [])


def _answer(problem: Mapping[str, object], status: int, headers: list[tuple[str, str]]) -> Response:
    body, content_type = _form()(problem)
    response = Response(body, status, content_type=content_type)
    response.headers.extend(headers)
    return response


def _form() -> Form:
    """Return the form of problems for the present request."""
    found = [
        (match.end(), form)
        for path, form in current_app.extensions.get(_FORMS, ())
        if (match := path.match(request.path)) is not None
    ]
    return max(found, key=lambda each: each[0])[1] if found else _usual


def _usual(problem: Mapping[str, object]) -> tuple[bytes, str]:
    return render(problem), MEDIA_TYPE
