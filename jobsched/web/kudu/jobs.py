"""Routes of jobs of either type: lists, one job, its settings, its end."""

from collections.abc import Sequence
from contextlib import suppress

from flask import Response, request

from jobsched.errors import UnknownWebJob
from jobsched.model import Role, WebJobType
from jobsched.operations.webjobs import WebJobView
from jobsched.web.context import operations
from jobsched.web.gate import needs
from jobsched.web.kudu import asking, envelopes, finding, secrets
from jobsched.web.kudu.answers import answer, nothing, tagged
from jobsched.web.kudu.blueprint import ALL, EITHER, route
from jobsched.web.kudu.payloads import KuduJob, KuduJobs, KuduSettings
from jobsched.web.kudu.shapes import Body, job_bodies, job_body
from jobsched.web.openapi import describes
from jobsched.web.request import json_object


@route("GET", ALL)
@describes(answers={200: KuduJobs, 304: None})
def list_all() -> Response:
    """List all jobs, triggered ones first; with ``?include_errors=1`` also broken ones."""
    return _listed(finding.of_kinds(*WebJobType))


@route("GET", EITHER)
@describes(answers={200: KuduJobs, 304: None})
def list_of_kind(kind: WebJobType) -> Response:
    """List the jobs of one type; with ``?include_errors=1`` also broken ones."""
    return _listed(finding.of_kinds(kind))


@route("GET", EITHER, "/<name>")
@describes(answers={200: KuduJob, 304: None, 404: None})
def show(kind: WebJobType, name: str) -> Response:
    """Show a job. An unknown one: 404 with nothing in it, as Kudu answers."""
    try:
        found = finding.get(kind, name)
    except UnknownWebJob:
        if envelopes.wanted():
            raise
        return nothing(404)
    body = job_body(found)
    return tagged(_enveloped(found, request.path, body) if envelopes.wanted() else body)


@route("DELETE", EITHER, "/<name>")
@needs(Role.ADMIN)
@describes(answers={200: None})
def delete(kind: WebJobType, name: str) -> Response:
    """Delete a job: its files, its logs, what runs of it. 200 also when there is none."""
    remove(kind, name)
    return nothing()


@route("GET", EITHER, "/<name>/settings")
@describes(answers={200: KuduSettings}, errors=(UnknownWebJob,))
def show_settings(kind: WebJobType, name: str) -> Response:
    """Show a job's settings.job; ``{}`` when it has none. Secrets only to admins."""
    return answer(secrets.shown(finding.get(kind, name, broken=True).webjob.settings))


@route("PUT", EITHER, "/<name>/settings")
@needs(Role.ADMIN)
@describes(body=KuduSettings, answers={200: None}, errors=(UnknownWebJob,))
def put_settings(kind: WebJobType, name: str) -> Response:
    """Replace a job's settings.job by the JSON object sent, unknown keys included."""
    found = finding.get(kind, name, broken=True)
    values = json_object()
    operations.webjobs.put_settings(kind, found.webjob.name, values, asking.who_asks())
    return nothing()


def remove(kind: WebJobType, name: str) -> None:
    """Delete a job if there is one; somebody else may do so at the same time."""
    with suppress(UnknownWebJob):
        found = finding.get(kind, name, broken=True)
        operations.webjobs.delete(kind, found.webjob.name, asking.who_asks())


def _listed(jobs: Sequence[WebJobView]) -> Response:
    bodies = job_bodies(jobs)
    if not envelopes.wanted():
        return tagged(bodies)
    path, pairs = request.path.rstrip("/"), zip(jobs, bodies, strict=True)
    return tagged(
        envelopes.page(_enveloped(job, f"{path}/{job.webjob.name}", body) for job, body in pairs)
    )


def _enveloped(found: WebJobView, path: str, body: Body) -> Body:
    return envelopes.resource(path, f"{found.webjob.type}webjobs", found.webjob.name, body)
