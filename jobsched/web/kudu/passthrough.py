"""Requests that a continuous job answers itself, at the port it was given (WEBJOBS_PORT)."""

import re

from flask import Response, request

from jobsched.errors import UnknownWebJob
from jobsched.model import Role, ServiceState, WebJobType
from jobsched.web.context import operations
from jobsched.web.gate import body_limit, from_here, needs
from jobsched.web.kudu import finding
from jobsched.web.kudu.answers import answer
from jobsched.web.kudu.blueprint import CONTINUOUS, route
from jobsched.web.kudu.forwarding import Unreachable, forward
from jobsched.web.openapi import describes
from jobsched.webjobs import ports

LARGEST = 104_857_600
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
# Of the path as it was sent: decoding it and coding it again could make another one of it.
_TARGET = re.compile(r"/continuous(?:(?:web)?jobs)?/[^/?]+/passthrough(/[^?]*)?(\?.*)?$", re.ASCII)


def _pass(name: str, rest: str = "") -> Response:
    """Hand the request on to the job. 404: it does not run here, or does not answer."""
    found = finding.get(WebJobType.CONTINUOUS, name)
    port = _port(found.job.key, found.webjob.name)
    if port is None:
        return _failed(f"{found.webjob.name} does not run on this machine.")
    try:
        return forward(port, _target(rest))
    except Unreachable as reason:
        return _failed(f"{found.webjob.name} does not answer at its port {port}: {reason}.")


def _port(job_key: int, name: str) -> int | None:
    """Return the port of the job's process on this machine, None when there is none."""
    node = operations.configuration.settings.node
    services = operations.store.services.of_jobs([job_key]).get(job_key, [])
    here = {service.state for service in services if service.node == node}
    if not here & {ServiceState.RUNNING, ServiceState.STOPPING}:
        return None
    return ports.port_of(operations.webjobs.site, name, node)


def _target(rest: str) -> str:
    sent = request.environ.get("RAW_URI", "")
    match = _TARGET.search(sent)
    if match is None:
        query = request.query_string.decode("latin-1")
        return f"/{rest}?{query}" if query else f"/{rest}"
    return (match[1] or "/") + (match[2] or "")


def _failed(message: str) -> Response:
    return answer({"Message": message}, 404)


def _add(method: str) -> None:
    """Add the routes of one *method*; each is a view of its own in /openapi.json."""

    def view(name: str, rest: str = "") -> Response:
        return _pass(name, rest)

    view.__name__, view.__doc__ = f"pass_{method.lower()}", _pass.__doc__
    # What a job does upon a GET is its own affair: other sites may not make a browser send one.
    view = from_here(needs(Role.OPERATOR)(body_limit(LARGEST)(view)))
    view = describes(answers={200: "*/*"}, errors=(UnknownWebJob,))(view)
    route(method, [f"{prefix}/<name>/passthrough" for prefix in CONTINUOUS])(view)
    view.__name__ += "_below"
    route(method, [f"{prefix}/<name>/passthrough" for prefix in CONTINUOUS], "/<path:rest>")(view)


for _method in METHODS:
    _add(_method)
