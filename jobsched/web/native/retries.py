"""Routes of a job's retries: list them, run a failed one again, or all of those."""

from uuid import UUID

from flask import Response

from jobsched.errors import (
    JobBusy,
    KeyReused,
    NothingToRetry,
    NotRetriable,
    QueueFull,
    RunNotFinished,
    UnknownJob,
    UnknownRun,
    WrongMode,
)
from jobsched.model import JobState, Role
from jobsched.web.answers import answer, page
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.native.blueprint import native
from jobsched.web.native.requests import idempotency
from jobsched.web.native.runs import listed, shown_runs
from jobsched.web.native.shapes import retried_body, retry_body
from jobsched.web.openapi import describes
from jobsched.web.payloads import NewRetries, Nothing, PageQuery, RetryList, RunList
from jobsched.web.request import json_body, query


@native.get("/jobs/<uuid:job_id>/retries")
@describes(query=PageQuery, answers={200: RetryList, 304: None}, errors=(UnknownJob,))
def list_retries(job_id: UUID) -> Response:
    """List the retries of a job's runs, newest first; also of a deleted one."""
    asked = query(PageQuery)
    job = operations.jobs.get(str(job_id), deleted=True)
    found = operations.retries.of_job(job, asked.limit, asked.cursor)
    deleted = job.state is JobState.DELETED
    return page([retry_body(run, deleted=deleted) for run in found.values], found.next)


@native.post("/jobs/<uuid:job_id>/retries/<number:run_id>/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: RunList},
    headers=("Idempotency-Key", "Prefer"),
    errors=(
        UnknownJob, UnknownRun, RunNotFinished, NotRetriable, JobBusy, WrongMode, KeyReused,
        QueueFull,
    ),
)  # fmt: skip
def retry_retry(job_id: UUID, run_id: int) -> Response:
    """Run a failed retry again; the answer lists the new runs."""
    json_body(Nothing, optional=True)
    job = operations.jobs.get(str(job_id))
    key = idempotency()
    return listed(lambda: operations.retries.retry_retry(job, run_id, caller(), key))


@native.put("/jobs/<uuid:job_id>/retries/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: NewRetries},
    headers=("Idempotency-Key",),
    errors=(UnknownJob, NothingToRetry, WrongMode, KeyReused, QueueFull),
)
def retry_retries(job_id: UUID) -> Response:
    """Run all failed retries of a job again; the answer lists the new runs."""
    json_body(Nothing, optional=True)
    job = operations.jobs.get(str(job_id))
    done = operations.retries.retry_retries(job, caller(), idempotency())
    values = shown_runs(operations.retries.runs_of(done))
    return answer({"values": values, "next": None, **retried_body(done)})
