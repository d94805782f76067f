"""The blueprint of these routes, and the form of their answers.

Each address exists with and without ``/api`` (webjobs.md, section 0). Refusals are the problems
of every other interface, with Kudu's ``Message`` in addition.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import Blueprint, Flask, Response
from flask.blueprints import BlueprintSetupState
from pydantic_core import to_json

from jobsched.web import problems

JSON = "application/json; charset=utf-8"  # clients of Kudu compare it as a whole
_ADDRESSES = r"/(api/)?(settings|hooks|command|zipdeploy|deployments)(/|$)"
hooks = Blueprint("hooks", __name__)
View = TypeVar("View", bound=Callable[..., Any])


def route(method: str, path: str) -> Callable[[View], View]:
    """Add a view at *path*, with and without ``/api`` before it."""

    def add(view: View) -> View:
        for name, prefix in (("", "/api"), ("_plain", "")):
            endpoint = view.__name__ + name
            hooks.add_url_rule(prefix + path, endpoint, view, methods=[method])
        return view

    return add


def answer(body: object, status: int = 200) -> Response:
    """Return *body* as JSON."""
    return Response(to_json(body) + b"\n", status, content_type=JSON)


def iso(moment: datetime | None) -> str | None:
    """Return an instant as ISO 8601 UTC with Z."""
    return None if moment is None else moment.isoformat()[:-6] + "Z"


@hooks.record_once
def _tell_problems(state: BlueprintSetupState) -> None:
    problems.speak(cast(Flask, state.app), _ADDRESSES, _with_message)


def _with_message(problem: Mapping[str, object]) -> tuple[bytes, str]:
    """Return a problem in which clients of Kudu find the ``Message`` that they look for."""
    return problems.render({**problem, "Message": problem["detail"]}), problems.MEDIA_TYPE
