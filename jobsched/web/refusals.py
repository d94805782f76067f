"""What gunicorn refuses before any route is asked, told like every other problem."""

from typing import Any

from gunicorn.http import errors as broken
from werkzeug.exceptions import RequestTimeout

from jobsched.web import problems


class PlainRequest(Exception):
    """The client speaks plain HTTP where TLS is spoken."""


_STATUSES: dict[type[Exception], tuple[int, str, str, str]] = {
    RequestTimeout: (408, "request-timeout", "Request Timeout", "The request came too slowly."),
    PlainRequest: (
        400,
        "malformed-request",
        "Malformed request",
        "This port speaks TLS: the address begins with https.",
    ),
    broken.LimitRequestLine: (414, "uri-too-long", "URI Too Long", "The address is too long."),
    broken.LimitRequestHeaders: (
        431,
        "headers-too-large",
        "Request Header Fields Too Large",
        "There are too many header fields, or one is too long.",
    ),
    broken.UnsupportedTransferCoding: (
        400,
        "malformed-request",
        "Malformed request",
        "Only the transfer coding chunked is understood.",
    ),
    broken.ExpectationFailed: (
        417,
        "expectation-failed",
        "Expectation Failed",
        "Only 100-continue can be expected.",
    ),
    broken.ParseException: (
        400,
        "malformed-request",
        "Malformed request",
        "This is not an HTTP request.",
    ),
}
_OUR_OWN = (broken.InvalidResponseHeader, broken.InvalidResponseHeaderName)
_DEFECT = (500, "internal-error", "Internal error", "Something went wrong in the server.")
# Headers that gunicorn judges by itself; which of them was wrong helps whoever sent it.
_ONCE = {"HOST": "Host", "CONTENT-TYPE": "Content-Type"}
_FRAMING = {"CONTENT-LENGTH": "Content-Length", "TRANSFER-ENCODING": "Transfer-Encoding"}
_LONGEST_PATH = 500


class TooSlow(RequestTimeout):
    """The client did not send its request in time."""


def problem(error: Exception) -> dict[str, object]:
    """Return the problem that tells a client of *error*; status 500 if that is no fault of his."""
    found = (each for kind, each in _STATUSES.items() if isinstance(error, kind))
    facts = _DEFECT if isinstance(error, _OUR_OWN) else next(found, _DEFECT)
    status, kind, title, detail = facts
    mistake = _mistake(error)
    told = problems.document(
        kind=kind,
        title=title,
        status=status,
        detail=detail if mistake is None else mistake["message"],
        instance=_path(error),
    )
    return told if mistake is None else {**told, "errors": [mistake]}


def _mistake(error: Exception) -> dict[str, str] | None:
    """Return which header is wrong, None when it is something else."""
    if not isinstance(error, broken.InvalidHeader) or isinstance(error, _OUR_OWN):
        return None
    sent = str(error.hdr)
    if (name := _ONCE.get(sent)) is not None:
        message = f"The header {name} may stand there only once."
        return {"field": name, "rule": "repeated", "message": message}
    if (name := _FRAMING.get(sent)) is not None:
        message = f"The header {name} is wrong, stands there twice or contradicts another one."
        return {"field": name, "rule": "invalid", "message": message}
    return None


def _path(error: Exception) -> str | None:
    """Return what was asked for, if the request was read as far as that."""
    request: Any = getattr(error, "req", None)
    path = getattr(request, "path", None)
    return path[:_LONGEST_PATH] if isinstance(path, str) and path.startswith("/") else None
