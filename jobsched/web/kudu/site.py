"""Routes about the whole site: the swagger document of the triggered jobs, the environment."""

from typing import Any
from urllib.parse import quote

from flask import Response

import jobsched
from jobsched.model import WebJobType
from jobsched.web.kudu import finding
from jobsched.web.kudu.answers import answer
from jobsched.web.kudu.blueprint import BARE, TRIGGERED, route
from jobsched.web.kudu.payloads import KuduEnvironment, KuduSwagger
from jobsched.web.openapi import describes

_ARGUMENTS = {
    "name": "arguments",
    "in": "query",
    "description": "Web Job Arguments",
    "required": False,
    "type": "string",
}


@route("GET", [f"{prefix}swagger" for prefix in TRIGGERED])
@describes(answers={200: KuduSwagger})
def show_swagger() -> Response:
    """Show how each triggered job is run, as a swagger 2.0 document."""
    jobs = finding.of_kinds(WebJobType.TRIGGERED)
    paths = {_path(job.webjob.name): {"post": _run(job.webjob.name)} for job in jobs}
    return answer(
        {
            "swagger": "2.0",
            "info": {"version": "v1", "title": "WebJobs"},
            "host": "placeHolder",
            "schemes": ["https"],
            "paths": paths,
        }
    )


@route("GET", BARE, "/environment")
@describes(answers={200: KuduEnvironment})
def show_environment() -> Response:
    """Show the version of what answers here."""
    return answer({"version": jobsched.__version__})


def _path(name: str) -> str:
    return f"/api/triggeredjobs/{quote(name)}/run"


def _run(name: str) -> dict[str, Any]:
    said = {"description": "Success"}
    return {
        "deprecated": False,
        "operationId": name,
        "consumes": [],
        "produces": [],
        "responses": {"200": said, "default": said},
        "parameters": [_ARGUMENTS],
    }
