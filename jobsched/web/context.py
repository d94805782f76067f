"""What a view needs to know about the application that it serves."""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from jobsched.operations import Operations
from jobsched.web.gate import principal

EXTENSION = "jobsched"  # the key of the operations in ``app.extensions``

operations = cast(Operations, LocalProxy(lambda: current_app.extensions[EXTENSION]))
"""The verbs of the application that serves the present request."""


def caller() -> str:
    """Return the name of who makes the present request."""
    return principal().name
