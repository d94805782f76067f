"""The blueprint of these routes, and how its refusals look: JSON with a ``Message``.

Each address exists with and without ``/api`` (webjobs.md, section 0).
"""

import errno
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from jobsched.errors import Conflict, NotAllowed, NotFound
from jobsched.web import problems, uploads

JSON = "application/json; charset=utf-8"  # clients of Kudu compare it as a whole
_NOWHERE = frozenset({errno.ENOENT, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
_ADDRESSES = r"/(api/)?(vfs|zip)(?=/|$)"
vfs = Blueprint("vfs", __name__)
View = TypeVar("View", bound=Callable[..., Any])


def route(method: str, kind: str) -> Callable[[View], View]:
    """Add a view at every path below ``/{kind}``, with and without ``/api`` before it."""

    def add(view: View) -> View:
        told = _reading(view) if method == "GET" else uploads.disk_errors(Conflict)(view)
        for prefix in ("/api", ""):
            for suffix in ("/", "/<path:path>"):
                rule = f"{prefix}/{kind}{suffix}"
                name = "_".join(filter(None, (view.__name__, prefix[1:], suffix[2:6])))
                vfs.add_url_rule(rule, name, told, methods=[method])
        return view

    return add


def _reading(view: View) -> Callable[..., Any]:
    """Tell what the disk does not let us read: a name that no file can have is no file's name."""

    @wraps(view)
    def told(**values: Any) -> Any:
        try:
            return view(**values)
        except OSError as error:
            if error.errno in _NOWHERE:
                raise NotFound("There is nothing at this address.") from None
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise NotAllowed("The server itself may not read this.") from None
            raise

    return told


@vfs.record_once
def _tell_problems(state: BlueprintSetupState) -> None:
    problems.speak(state.app, _ADDRESSES, _with_message)


def _with_message(problem: Mapping[str, object]) -> tuple[bytes, str]:
    return json.dumps({"Message": problem["detail"]}).encode() + b"\n", JSON
