"""Routes of continuous jobs: start, stop, on one machine or on all (W39 to W43)."""

from flask import Response, request

from jobsched.errors import InvalidInput, UnknownWebJob
from jobsched.model import Job, JobState, Role, ServiceState, WebJobType
from jobsched.web.context import operations
from jobsched.web.gate import needs
from jobsched.web.kudu import asking, finding, holding
from jobsched.web.kudu.answers import nothing
from jobsched.web.kudu.blueprint import CONTINUOUS, route
from jobsched.web.kudu.payloads import KuduSingletonQuery
from jobsched.web.openapi import describes

KIND = WebJobType.CONTINUOUS
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@route("POST", CONTINUOUS, "/<name>/start")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def start_continuous(name: str) -> Response:
    """Let a job run; nothing changes when it does already."""
    start(name)
    return nothing()


@route("POST", CONTINUOUS, "/<name>/stop")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def stop_continuous(name: str) -> Response:
    """Stop a job until it is started again, also over restarts of the server."""
    stop(name)
    return nothing()


@route("POST", CONTINUOUS, "/<name>/singleton")
@needs(Role.ADMIN)
@describes(query=KuduSingletonQuery, answers={200: None}, errors=(UnknownWebJob,))
def set_singleton(name: str) -> Response:
    """Let a job run on one machine only, or on all: ``is_singleton`` of its settings."""
    said = _TRUTH.get(request.args.get("isSingleton", "").lower())
    if said is None:
        raise InvalidInput.field("isSingleton", "boolean", "isSingleton must be true or false.")
    operations.webjobs.set_singleton(name, said, asking.who_asks())
    return nothing()


def start(name: str) -> None:
    """Let a job run. Raises: UnknownWebJob."""
    found = finding.get(KIND, name)
    operations.webjobs.start(KIND, found.webjob.name, asking.who_asks())


def stop(name: str) -> None:
    """Stop a job, and hold the answer until nothing of it is left. Raises: UnknownWebJob."""
    found = finding.get(KIND, name)
    operations.webjobs.stop(KIND, found.webjob.name, asking.who_asks())
    holding.until(lambda: _is_over(found.job))


def _is_over(job: Job) -> bool:
    """Return whether nothing of *job* is left, or somebody else wants otherwise meanwhile."""
    services = finding.services([job.key]).get(job.key, [])
    if all(service.state is ServiceState.STOPPED for service in services):
        return True
    now = operations.store.jobs.get(job.id)
    return now is None or now.state is JobState.ACTIVE
