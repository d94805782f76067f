"""Routes that retry what failed in a job: all of it, one record, or what failed again."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response

from jobsched.errors import Conflict, QueueFull, RetryRefused, UnknownRecord, UnknownRun
from jobsched.model import Role
from jobsched.web.answers import answer
from jobsched.web.celigo.blueprint import celigo
from jobsched.web.celigo.payloads import CeligoJob, CeligoJobs
from jobsched.web.celigo.shapes import job_body
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.openapi import describes
from jobsched.web.payloads import Nothing
from jobsched.web.request import json_body


@celigo.post("/jobs/<number:job_id>/retry")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: CeligoJob}, errors=(UnknownRun, RetryRefused, QueueFull))
def retry_job(job_id: int) -> Response:
    """Retry a job with the records that failed in it last; the answer is the new job."""
    json_body(Nothing, optional=True)
    with _refusing():
        return answer(job_body(operations.flows.retry(job_id, caller())))


@celigo.post("/jobs/<number:job_id>/retries/<number:record_id>/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: CeligoJob},
    errors=(UnknownRun, UnknownRecord, RetryRefused, QueueFull),
)
def retry_record(job_id: int, record_id: int) -> Response:
    """Retry one failed record of a job; the answer is the new job."""
    json_body(Nothing, optional=True)
    with _refusing():
        return answer(job_body(operations.flows.retry_record(job_id, record_id, caller())))


@celigo.put("/jobs/<number:job_id>/retries/retry")
@needs(Role.OPERATOR)
@describes(body=Nothing, answers={200: CeligoJobs}, errors=(UnknownRun, RetryRefused, QueueFull))
def retry_records(job_id: int) -> Response:
    """Retry all that is still failed of a job, in whichever retry; the answer lists the jobs."""
    json_body(Nothing, optional=True)
    with _refusing():
        made = operations.flows.retry_records(job_id, caller())
        return answer([job_body(one) for one in made])


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell what the state of a job forbids under Celigo's status. Raises: RetryRefused."""
    try:
        yield
    except Conflict as error:
        raise RetryRefused(error.detail, **error.facts) from error
