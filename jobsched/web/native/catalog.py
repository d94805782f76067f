"""Routes of the catalog: which tasks there are."""

from flask import Response, url_for

from jobsched.catalog import Task
from jobsched.errors import UnknownTask
from jobsched.web.answers import tagged
from jobsched.web.context import operations
from jobsched.web.native.blueprint import native
from jobsched.web.native.shapes import Body
from jobsched.web.openapi import describes
from jobsched.web.payloads import CatalogAnswer, TaskAnswer


@native.get("/catalog")
@describes(answers={200: CatalogAnswer})
def list_tasks() -> Response:
    """List the tasks that may run, in the order of the catalog."""
    return tagged({"tasks": operations.configuration.catalog.names()})


@native.get("/catalog/<path:name>")
@describes(answers={200: TaskAnswer}, errors=(UnknownTask,))
def show_task(name: str) -> Response:
    """Show a task."""
    return tagged(_body(operations.configuration.catalog.offered(name)))


def _body(task: Task) -> Body:
    policy = {name: value for name, value in task.policy.given().items() if name != "params"}
    return {
        "name": task.name,
        "file": task.file,
        "class": task.class_name,
        "arguments": task.masked_arguments,
        "params": list(task.params),
        "policy": policy,
        "description": task.summary,
        "url": url_for("native.show_task", name=task.name, _external=True),
    }
