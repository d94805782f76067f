"""Routes of jobs: list, create, show, change, cancel, delete, and the family of one."""

from flask import Response, url_for

from jobsched.errors import (
    AmbiguousName,
    Conflict,
    InvalidInput,
    QueueFull,
    RunAlreadyFinished,
    UnknownJob,
    UnknownRun,
    WrongMode,
)
from jobsched.model import Role
from jobsched.web.answers import answer, tagged, untyped
from jobsched.web.celigo import reading
from jobsched.web.celigo.blueprint import celigo
from jobsched.web.celigo.payloads import (
    CeligoChange,
    CeligoFamily,
    CeligoJob,
    CeligoJobs,
    CeligoNewJob,
    CeligoQuery,
)
from jobsched.web.celigo.shapes import job_body, listed
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.openapi import describes
from jobsched.web.payloads import Nothing
from jobsched.web.request import json_body, query


@celigo.get("/jobs")
@describes(query=CeligoQuery, answers={200: CeligoJobs, 304: None}, headers=("If-None-Match",))
def list_jobs() -> Response:
    """List jobs, newest first."""
    asked = query(CeligoQuery)
    filters, jobs = reading.filter_of(asked)
    found = operations.flows.list(filters, jobs, asked.limit, asked.cursor)
    return listed([job_body(one) for one in found.values], found)


@celigo.post("/jobs")
@needs(Role.OPERATOR)
@describes(
    body=CeligoNewJob,
    answers={201: CeligoJob},
    errors=(UnknownJob, AmbiguousName, WrongMode, Conflict, QueueFull),
)
def create_job() -> Response:
    """Run a flow; it waits while another of its jobs runs."""
    job, references = reading.draft_of(json_body(CeligoNewJob))
    made = operations.flows.start(job, references, caller())
    where = url_for("celigo.show_job", job_id=made.run.id, _external=True)
    return answer(job_body(made), 201, location=where)


@celigo.get("/jobs/<number:job_id>")
@describes(answers={200: CeligoJob, 304: None}, headers=("If-None-Match",), errors=(UnknownRun,))
def show_job(job_id: int) -> Response:
    """Show a job."""
    return tagged(job_body(operations.flows.get(job_id)))


@celigo.put("/jobs/<number:job_id>")
@needs(Role.OPERATOR)
@describes(body=CeligoChange, answers={200: CeligoJob}, errors=(UnknownRun, RunAlreadyFinished))
def change_job(job_id: int) -> Response:
    """Change the references of a job, or cancel it."""
    asked = json_body(CeligoChange)
    found = operations.flows.get(job_id)
    shown = job_body(found)
    reading.require_fixed(asked, shown)
    if asked.flow not in {None, shown["_flowId"]} and not operations.flows.names(
        found.run, str(asked.flow)
    ):
        raise InvalidInput.field("_flowId", "read_only", "_flowId must name the flow that it has.")
    cancel = reading.wants_cancel(asked, shown["status"])
    references = reading.changed(found, asked)
    return answer(job_body(operations.flows.change(job_id, references, caller(), cancel=cancel)))


@celigo.put("/jobs/<number:job_id>/cancel")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: CeligoJob}, errors=(UnknownRun, RunAlreadyFinished))
def cancel_job(job_id: int) -> Response:
    """Cancel a job; one that waits ends at once."""
    json_body(Nothing, optional=True)
    return answer(job_body(operations.flows.cancel(job_id, caller())))


@celigo.delete("/jobs/<number:job_id>")
@describes(answers={204: None}, errors=(UnknownRun,))
def delete_job(job_id: int) -> Response:
    """Delete a job with its history; one that runs is cancelled first."""
    operations.flows.delete(job_id, caller())
    return untyped(204)


@celigo.get("/jobs/<number:job_id>/family")
@describes(answers={200: CeligoFamily, 304: None}, headers=("If-None-Match",), errors=(UnknownRun,))
def show_family(job_id: int) -> Response:
    """Show a job with its parts and the retries of all of them."""
    found = operations.flows.get(job_id)
    children = [job_body(one) for one in operations.flows.family(job_id)]
    return tagged({**job_body(found), "children": children})
