"""Routes of failed records: the errors of a job, and what a retry of one gets."""

from flask import Response
from pydantic_core import to_json

from jobsched.errors import Conflict, UnknownRecord, UnknownRun
from jobsched.model import Role
from jobsched.web.answers import JSON
from jobsched.web.celigo.blueprint import celigo
from jobsched.web.celigo.payloads import CeligoData, CeligoErrorQuery, CeligoErrors
from jobsched.web.celigo.shapes import error_body, listed
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.openapi import describes
from jobsched.web.request import json_value, query


@celigo.get("/jobs/<number:job_id>/joberrors")
@describes(
    query=CeligoErrorQuery,
    answers={200: CeligoErrors, 304: None},
    headers=("If-None-Match",),
    errors=(UnknownRun,),
)
def list_errors(job_id: int) -> Response:
    """List what failed in a job, each record as it stands now."""
    asked = query(CeligoErrorQuery)
    run = operations.flows.get(job_id).run
    found = operations.records.of_run(job_id, asked.cursor, asked.limit)
    return listed([error_body(record, run) for record in found.values], found)


@celigo.get("/retries/<number:record_id>/data")
@describes(answers={200: CeligoData}, errors=(UnknownRecord,))
def show_data(record_id: int) -> Response:
    """Show what a retry of a failed record gets."""
    return _value(operations.records.get(record_id).data)


@celigo.put("/retries/<number:record_id>/data")
@needs(Role.OPERATOR)
@describes(body=CeligoData, answers={200: CeligoData}, errors=(UnknownRecord, Conflict))
def change_data(record_id: int) -> Response:
    """Change what the next retry of an open record gets."""
    data = json_value(CeligoData).root
    return _value(operations.records.change_data(record_id, data, caller()).data)


def _value(data: object) -> Response:
    return Response(to_json(data) + b"\n", mimetype=JSON)
