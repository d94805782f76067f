"""Routes of jobs: schedule, list, show, change, unschedule, run, pause, resume, history."""

from functools import partial
from uuid import UUID

from flask import Response

from jobsched.errors import (
    Conflict,
    JobBusy,
    KeyReused,
    NothingToRetry,
    QueueFull,
    StaleVersion,
    UnknownJob,
    UnknownTask,
    WebJobFolder,
    WrongMode,
)
from jobsched.model import Job, Role
from jobsched.storage.searching import RunFilter
from jobsched.web.answers import expected_versions, nothing, page, tagged
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.links import job_url
from jobsched.web.native.blueprint import native
from jobsched.web.native.requests import (
    change_mistakes,
    change_of,
    draft_of,
    idempotency,
    job_filter_of,
)
from jobsched.web.native.runs import accepted, listed, runs_page
from jobsched.web.native.shapes import job_body, occurrence_body
from jobsched.web.openapi import describes
from jobsched.web.payloads import (
    DeleteQuery,
    JobAnswer,
    JobChange,
    JobList,
    JobQuery,
    JobRequest,
    Nothing,
    OccurrenceList,
    OccurrenceQuery,
    PageQuery,
    PauseRequest,
    RunAnswer,
    RunList,
    RunNowRequest,
)
from jobsched.web.payloads.types import to_instant
from jobsched.web.request import checked_body, json_body, query


@native.post("/jobs")
@describes(
    body=JobRequest,
    answers={202: None},
    headers=("Idempotency-Key",),
    errors=(UnknownTask, KeyReused),
)
def create_job() -> Response:
    """Schedule a job; Location says where it is."""
    payload = json_body(JobRequest, also=operations.jobs.mistakes)
    job = operations.jobs.schedule(draft_of(payload), caller(), idempotency())
    return nothing(202, location=job_url(job.id))


@native.get("/jobs")
@describes(query=JobQuery, answers={200: JobList, 304: None}, headers=("If-None-Match",))
def list_jobs() -> Response:
    """List jobs, oldest first."""
    asked = query(JobQuery)
    found = operations.jobs.list(job_filter_of(asked), asked.limit, asked.cursor)
    return page([job_body(view) for view in found.values], found.next)


@native.get("/jobs/<uuid:job_id>")
@describes(answers={200: JobAnswer, 304: None}, headers=("If-None-Match",), errors=(UnknownJob,))
def show_job(job_id: UUID) -> Response:
    """Show a job."""
    view = operations.jobs.show(str(job_id))
    return tagged(job_body(view), view.job.version)


@native.put("/jobs/<uuid:job_id>")
@describes(
    body=JobChange,
    answers={200: JobAnswer},
    headers=("If-Match",),
    errors=(UnknownJob, Conflict, StaleVersion, WebJobFolder),
)
def change_job(job_id: UUID) -> Response:
    """Change the given fields of a job."""
    view = operations.jobs.show(str(job_id))
    shown = job_body(view)
    payload = checked_body(JobChange, partial(change_mistakes, view.job, shown))
    version = _expected_version(view.job)
    job = operations.changes.change(str(job_id), change_of(payload, shown), caller(), version)
    return _shown(job)


@native.delete("/jobs/<uuid:job_id>")
@describes(
    query=DeleteQuery,
    answers={200: None},
    headers=("If-Match",),
    errors=(UnknownJob, StaleVersion, WebJobFolder),
)
def delete_job(job_id: UUID) -> Response:
    """Unschedule a job; its history stays readable."""
    stop = query(DeleteQuery).stop
    version = _expected_version(operations.jobs.get(str(job_id)))
    operations.jobs.unschedule(str(job_id), caller(), stop=stop, version=version)
    return nothing(200)


@native.post("/jobs/<uuid:job_id>/run")
@needs(Role.OPERATOR)
@describes(
    body=RunNowRequest,
    answers={200: RunAnswer, 202: RunAnswer},
    headers=("Idempotency-Key", "Prefer"),
    errors=(UnknownJob, JobBusy, WrongMode, KeyReused, QueueFull),
)
def run_job(job_id: UUID) -> Response:
    """Run a job now."""
    payload = json_body(RunNowRequest, optional=True)
    params, key = payload.params or {}, idempotency()
    return accepted(lambda: operations.jobs.run(str(job_id), caller(), params, key))


@native.post("/jobs/<uuid:job_id>/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: RunList},
    headers=("Idempotency-Key", "Prefer"),
    errors=(UnknownJob, NothingToRetry, JobBusy, WrongMode, KeyReused, QueueFull),
)
def retry_job(job_id: UUID) -> Response:
    """Run the newest failed run of a job again; the answer lists the new runs."""
    json_body(Nothing, optional=True)
    job = operations.jobs.get(str(job_id))
    key = idempotency()
    return listed(lambda: operations.retries.retry_job(job, caller(), key))


@native.post("/jobs/<uuid:job_id>/pause")
@needs(Role.OPERATOR)
@describes(body=PauseRequest, answers={200: JobAnswer}, errors=(UnknownJob, Conflict))
def pause_job(job_id: UUID) -> Response:
    """Pause a job, until a time if one is given."""
    asked = json_body(PauseRequest, optional=True)
    return _shown(operations.pauses.pause(str(job_id), caller(), asked.until, asked.reason))


@native.post("/jobs/<uuid:job_id>/resume")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: JobAnswer}, errors=(UnknownJob,))
def resume_job(job_id: UUID) -> Response:
    """Let a paused job go on."""
    json_body(Nothing, optional=True)
    return _shown(operations.pauses.resume(str(job_id), caller()))


@native.post("/jobs/<uuid:job_id>/start")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: JobAnswer}, errors=(UnknownJob, WrongMode))
def start_job(job_id: UUID) -> Response:
    """Start a continuous job; one that runs already goes on."""
    json_body(Nothing, optional=True)
    return _shown(operations.services.start(str(job_id), caller()))


@native.post("/jobs/<uuid:job_id>/stop")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: JobAnswer}, errors=(UnknownJob, WrongMode))
def stop_job(job_id: UUID) -> Response:
    """Stop a continuous job until it is started; one that is stopped stays so."""
    json_body(Nothing, optional=True)
    return _shown(operations.services.stop(str(job_id), caller()))


@native.get("/jobs/<uuid:job_id>/runs")
@describes(query=PageQuery, answers={200: RunList, 304: None}, errors=(UnknownJob,))
def list_runs_of_job(job_id: UUID) -> Response:
    """List the runs of a job, newest first; also of a deleted one."""
    asked = query(PageQuery)
    job = operations.jobs.get(str(job_id), deleted=True)
    return runs_page(RunFilter(job=job.id), asked.limit, asked.cursor)


@native.get("/jobs/<uuid:job_id>/occurrences")
@describes(query=OccurrenceQuery, answers={200: OccurrenceList, 304: None}, errors=(UnknownJob,))
def list_occurrences(job_id: UUID) -> Response:
    """List what became of a job's moments, and the planned ones, newest first."""
    asked = query(OccurrenceQuery)
    job = operations.jobs.get(str(job_id), deleted=True)
    span = (to_instant(asked.from_), to_instant(asked.to))
    found = operations.ledger.occurrences(job, span, asked.limit, asked.cursor)
    return page([occurrence_body(each) for each in found.values], found.next)


def _expected_version(job: Job) -> int | None:
    """Return the version at which *job* must stay, None when the client does not care.

    Raises: StaleVersion when the header If-Match does not allow the present one.
    """
    expected = expected_versions()
    if expected is None:
        return None
    if job.version not in expected:
        raise StaleVersion(f"Job {job.id} has been changed since you read it.", version=job.version)
    return job.version


def _shown(job: Job) -> Response:
    return tagged(job_body(operations.jobs.view(job)), job.version)
