"""The route of runs that something else executes: it tells of them, from their begin to the end."""

import base64
import re

from flask import Response

from jobsched.errors import InvalidInput, UnknownJob, WrongMode
from jobsched.model import EndedBy, Role, RunState
from jobsched.operations.reports import Report, ReportedEnd
from jobsched.web.answers import answer
from jobsched.web.context import caller, operations
from jobsched.web.gate import leaves_no_row, needs
from jobsched.web.links import run_url
from jobsched.web.native.blueprint import native
from jobsched.web.openapi import describes
from jobsched.web.payloads.reports import ReportAnswer, ReportRequest
from jobsched.web.request import json_body

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


@native.put("/reports/<key>")
@needs(Role.OPERATOR)
@describes(
    body=ReportRequest,
    answers={200: ReportAnswer, 201: ReportAnswer},
    errors=(UnknownJob, WrongMode),
)
def put_report(key: str) -> Response:
    """Tell of a command that runs elsewhere; the same key is the same run."""
    if not _KEY.fullmatch(key):
        message = "The key must be 16 to 64 letters, digits, - and _."
        raise InvalidInput.field("key", "characters", message)
    heard = operations.reports.take(key, _report(json_body(ReportRequest)), caller())
    if not heard.made and not heard.ended:
        leaves_no_row()  # a sign of life, every half minute
    run, url = heard.run, run_url(heard.run.id)
    body = {
        "run": run.id,
        "job": run.job_id,
        "url": url,
        "state": run.state.value,
        "stop": None if run.state is RunState.DONE else _wish(heard.stop_by),
        "heartbeat": operations.reports.heartbeat,
    }
    return answer(body, 201 if heard.made else 200, location=url)


def _report(asked: ReportRequest) -> Report:
    return Report(
        name=asked.name,
        host=asked.host,
        started_at=asked.started_at,
        job=asked.job,
        command=asked.command,
        end=_end(asked),
    )


def _end(asked: ReportRequest) -> ReportedEnd | None:
    if asked.ended_at is None:
        return None
    return ReportedEnd(
        ended_at=asked.ended_at,
        ended_by=EndedBy(asked.ended_by),
        exit_code=asked.exit_code,
        signal=asked.signal,
        reason=asked.reason,
        out=base64.b64decode(asked.out),
        err=base64.b64decode(asked.err),
        out_bytes=asked.out_bytes,
        err_bytes=asked.err_bytes,
    )


def _wish(stop_by: EndedBy | None) -> str | None:
    if stop_by is None:
        return None
    return "kill" if stop_by is EndedBy.KILL else "stop"
