"""How a refusal is told to clients of Kudu: one sentence of plain text; to those of ARM as JSON."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import request

from jobsched.web.kudu import envelopes

# What lies below /api but is another interface's has its own form.
PLAIN_PATHS = r"/api(?!/(vfs|zip|settings|hooks)(/|$))(?=/|$)|/jobs/(triggered|continuous)(?=/|$)"
ARM_PATHS = r"/subscriptions(?=/|$)"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"  # clients compare it as a whole


def plain(problem: Mapping[str, object]) -> tuple[bytes, str]:
    """Return *problem* as its sentence; to a request that came through ARM as :func:`arm`."""
    return arm(problem) if envelopes.wanted() else (f"{_sentence(problem)}\n".encode(), TEXT)


def arm(problem: Mapping[str, object]) -> tuple[bytes, str]:
    """Return *problem* as ``{"error": {"code", "message"}}``."""
    code = HTTPStatus(int(str(problem["status"]))).phrase.title().replace(" ", "")
    body = {"error": {"code": code, "message": _sentence(problem)}}
    return json.dumps(body).encode() + b"\n", JSON


def _sentence(problem: Mapping[str, object]) -> str:
    if problem["type"] == "/errors/unknown-page":
        return f"No route registered for '{request.path}'"
    return str(problem["detail"])
