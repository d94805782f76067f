"""The blueprint of Kudu's routes, its addresses, and how its answers and refusals look.

Kudu serves the same under four prefixes (webjobs.md, section 0): ``/api/{type}webjobs`` of today,
``/api/{type}jobs``, the seed's ``/jobs/{type}`` and ``/api/jobs/{type}``. A bare ``/jobs`` is the
native list.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from jobsched.model import WebJobType
from jobsched.web import problems
from jobsched.web.kudu import refusals

View = TypeVar("View", bound=Callable[..., Any])

ALL = ("/api/webjobs", "/api/jobs")
TRIGGERED = (
    "/api/triggeredwebjobs", "/api/triggeredjobs", "/jobs/triggered", "/api/jobs/triggered",
)  # fmt: skip
CONTINUOUS = tuple(prefix.replace("triggered", "continuous") for prefix in TRIGGERED)
EITHER = tuple(prefix.replace("triggered", "<webjobs:kind>") for prefix in TRIGGERED)
_SITE = "/subscriptions/<subscription>/resourceGroups/<group>/providers/Microsoft.Web/sites/<site>"
ARM = (_SITE, f"{_SITE}/slots/<slot>")
BARE = ("/api", "")

kudu = Blueprint("kudu", __name__)


class KindConverter(BaseConverter):
    """A type of web jobs in a path."""

    regex = "triggered|continuous"

    def to_python(self, value: str) -> Any:
        """Return the type."""
        return WebJobType(value)


def route(
    method: str, prefixes: Iterable[str], path: str = "", **options: Any
) -> Callable[[View], View]:
    """Add a view at *path* below each of the *prefixes*."""

    def add(view: View) -> View:
        for number, prefix in enumerate(prefixes, 1):
            endpoint = view.__name__ if number == 1 else f"{view.__name__}_{number}"
            kudu.add_url_rule(prefix + path, endpoint, view, methods=[method], **options)
        return view

    return add


@kudu.record_once
def _prepare(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["webjobs"] = KindConverter
    problems.speak(state.app, refusals.PLAIN_PATHS, refusals.plain)
    problems.speak(state.app, refusals.ARM_PATHS, refusals.arm)
