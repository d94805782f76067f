"""Routes that give a job its files: upload and rollback (Kudu: JobsController.CreateJob)."""

from flask import Response, request

from jobsched.errors import Conflict, UnknownWebJob
from jobsched.model import Role, WebJobType
from jobsched.web import disposition, uploads
from jobsched.web.context import operations
from jobsched.web.gate import needs, takes_uploads
from jobsched.web.kudu import asking
from jobsched.web.kudu.answers import answer
from jobsched.web.kudu.blueprint import EITHER, route
from jobsched.web.kudu.payloads import KuduJob
from jobsched.web.kudu.shapes import job_body
from jobsched.web.openapi import describes
from jobsched.webjobs.deployment import Place

GONE = "{} has its new files, but somebody else has deleted it at the same time."


@route("PUT", EITHER, "/<name>")
@needs(Role.ADMIN)
@takes_uploads
@describes(answers={200: KuduJob}, errors=(Conflict,))
def put(kind: WebJobType, name: str) -> Response:
    """Make a job, or replace all of its files: by a zip file, else by the one file sent."""
    file = disposition.file_name(request.headers.get("Content-Disposition"))
    place = operations.webjobs.deployments.place(kind, name)
    uploads.replace(place, None if uploads.is_archive() else file)
    return _deployed(place)


@route("POST", EITHER, "/<name>/rollback")
@needs(Role.ADMIN)
@describes(answers={200: KuduJob}, errors=(UnknownWebJob, Conflict))
def roll_back(kind: WebJobType, name: str) -> Response:
    """Let the version before the present one take its place, and the present one that of it."""
    with uploads.disk_errors():
        return _deployed(operations.webjobs.deployments.rollback(kind, name))


def _deployed(place: Place) -> Response:
    operations.webjobs.sync([(place.kind, place.name.lower())], asking.who_asks())
    try:
        return answer(job_body(operations.webjobs.get(place.kind, place.name)))
    except UnknownWebJob:
        raise Conflict(GONE.format(place.name)) from None
