"""The blueprint of Celigo's routes, under its base ``/v1``, and how a refusal looks there.

A problem like everywhere, whose ``errors`` are never missing and have Celigo's ``code`` and
``message`` beside our names.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from jobsched.web import problems

_BELOW = r"/v1(?=/|$)"
celigo = Blueprint("celigo", __name__, url_prefix="/v1")


@celigo.record_once
def _tell_problems(state: BlueprintSetupState) -> None:
    problems.speak(cast(Flask, state.app), _BELOW, _with_codes)


def _with_codes(problem: Mapping[str, object]) -> tuple[bytes, str]:
    wrong = cast(Iterable[Mapping[str, Any]], problem.get("errors") or ())
    errors = [{"code": each["rule"], **each} for each in wrong]
    if not errors:
        code = str(problem["type"]).rpartition("/")[2].replace("-", "_")
        errors = [{"code": code, "message": problem["detail"]}]
    return problems.render({**problem, "errors": errors}), problems.MEDIA_TYPE
