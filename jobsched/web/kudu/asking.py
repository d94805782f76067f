"""Who asks for a run, with which arguments: what clients of Kudu say in various ways."""

import json
from typing import Any

from flask import request

from jobsched.errors import InvalidInput
from jobsched.web import strictjson
from jobsched.web.context import caller
from jobsched.webjobs import causes

LONGEST = 8192  # characters of the arguments


def who_asks() -> str:
    """Return who makes the present request, with the program: ``deploy (curl/8.5.0)``."""
    return causes.asked(caller(), request.headers.get("User-Agent", ""))


def arguments() -> str:
    """Return the arguments in the query, else in the JSON object or the form sent as the body.

    Raises: InvalidInput.
    """
    found = request.args.get("arguments")
    if found is None:
        found = _in_json() if request.mimetype == "application/json" else _in_form()
    if not isinstance(found, str):
        raise InvalidInput.field("arguments", "type", "arguments must be text.")
    if len(found) > LONGEST or "\0" in found:
        message = f"arguments may have {LONGEST} characters, none of them NUL."
        raise InvalidInput.field("arguments", "length", message)
    return found


def _in_json() -> Any:
    raw = request.get_data()
    if not raw.strip():
        return ""
    found = json.loads(strictjson.checked(raw)).get("arguments")
    return "" if found is None else found


def _in_form() -> str:
    return request.form.get("arguments", "")
