"""Routes of failed records: list those of a run, show one, change what it holds, retry it."""

from flask import Response, url_for

from jobsched.errors import (
    Conflict,
    JobBusy,
    KeyReused,
    NotRetriable,
    QueueFull,
    RunNotFinished,
    UnknownRecord,
    UnknownRun,
    WrongMode,
)
from jobsched.model import Record, Role
from jobsched.web.answers import answer, page, tagged
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.native.blueprint import native
from jobsched.web.native.requests import idempotency
from jobsched.web.native.runs import accepted
from jobsched.web.native.shapes import Body, iso
from jobsched.web.openapi import describes
from jobsched.web.payloads import Nothing, RunAnswer
from jobsched.web.payloads.records import RecordAnswer, RecordData, RecordList, RecordQuery
from jobsched.web.request import json_body, query


@native.get("/runs/<number:run_id>/records")
@describes(
    query=RecordQuery,
    answers={200: RecordList, 304: None},
    headers=("If-None-Match",),
    errors=(UnknownRun,),
)
def list_records(run_id: int) -> Response:
    """List what failed in a run, each record as it stands now."""
    asked = query(RecordQuery)
    found = operations.records.of_run(run_id, asked.cursor, asked.limit, asked.state)
    return page([_body(record) for record in found.values], found.next)


@native.get("/records/<number:record_id>")
@describes(
    answers={200: RecordAnswer, 304: None}, headers=("If-None-Match",), errors=(UnknownRecord,)
)
def show_record(record_id: int) -> Response:
    """Show a failed record, with the message of its last failure."""
    return tagged(_body(operations.records.get(record_id)))


@native.put("/records/<number:record_id>")
@needs(Role.OPERATOR)
@describes(body=RecordData, answers={200: RecordAnswer}, errors=(UnknownRecord, Conflict))
def change_record(record_id: int) -> Response:
    """Change what an open record holds; its next retry gets that."""
    asked = json_body(RecordData)
    return answer(_body(operations.records.change_data(record_id, asked.data, caller())))


@native.post("/records/<number:record_id>/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: RunAnswer, 202: RunAnswer},
    headers=("Idempotency-Key", "Prefer"),
    errors=(
        UnknownRecord, UnknownRun, RunNotFinished, NotRetriable, JobBusy, WrongMode, KeyReused,
        QueueFull,
    ),
)  # fmt: skip
def retry_record(record_id: int) -> Response:
    """Run the same once more, with this one record only."""
    json_body(Nothing, optional=True)
    key = idempotency()
    return accepted(lambda: operations.records.retry(record_id, caller(), key))


def _body(record: Record) -> Body:
    return {
        "retry_id": record.id,
        "run": record.run_id,
        "last_run": record.last_run_id,
        "number": record.number,
        "message": record.message,
        "code": record.code,
        "data": record.data,
        "state": record.state.value,
        "given_to": record.given_to,
        "attempts": record.attempts,
        "created_at": iso(record.created_at),
        "url": url_for("native.show_record", record_id=record.id, _external=True),
    }
