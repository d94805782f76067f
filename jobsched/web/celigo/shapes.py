"""Runs and records as objects of Celigo's API."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Response, url_for

from jobsched.model import Record, RecordState, Run
from jobsched.storage.flows import FlowRun
from jobsched.storage.paging import Page
from jobsched.web.answers import tagged
from jobsched.web.celigo.words import status_of, type_of
from jobsched.web.links import next_url, run_url

Body = dict[str, Any]

_MILLISECOND = timedelta(milliseconds=1)


def job_body(found: FlowRun) -> Body:
    """Return a run as a job of seed 003."""
    run, given = found.run, found.references
    return {
        "_id": str(run.id),
        "type": type_of(found),
        "_integrationId": given.integration,
        "_exportId": given.export,
        "_importId": given.import_,
        "_flowId": given.flow or run.job_id,
        "_flowJobId": _number(given.flow_run),
        "_retryOfJobId": _number(run.retry_of),
        "status": status_of(run),
        **_times(run),
        "numError": run.counts.error,
        "numSuccess": run.counts.success,
        "numIgnore": run.counts.ignore,
        "retriable": run.retriable,
        "files": _files(run),
        "logs": _logs(run),
    }


def error_body(record: Record, run: Run) -> Body:
    """Return a record as an error of the job *run*, in which it failed."""
    where = url_for("celigo.show_data", record_id=record.id, _external=True)
    host = where.removesuffix(f"/{record.id}/data")
    return {
        "_retryId": str(record.id),
        "_jobId": str(run.id),
        "createdAt": instant(record.created_at),
        "message": record.message,
        "code": record.code,
        "source": run.task,
        "resolved": record.state is RecordState.RESOLVED,
        "retriable": record.state is RecordState.OPEN,
        "data": {"id": f"{record.id}/data", "host": host},
    }


def listed(bodies: Sequence[Body], page: Page[Any]) -> Response:
    """Return one page of a list as a bare array; the header Link says where the next one is."""
    response = tagged(bodies)
    if (following := next_url(page.next)) is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def instant(moment: datetime) -> str:
    """Return an instant in UTC as ``2017-10-24T00:55:49.128Z``."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _times(run: Run) -> Body:
    started, ended = run.started_at, run.ended_at
    waited = None if started is None else (started - run.created_at) // _MILLISECOND
    return {
        "createdAt": instant(run.created_at),
        "startedAt": None if started is None else instant(started),
        "endedAt": None if ended is None else instant(ended),
        "lastModified": instant(ended or started or run.created_at),
        "queueTime": None if waited is None else max(0, waited),
    }


def _logs(run: Run) -> list[Body]:
    """Return where the output is, once there may be some: ``host + "/" + id``."""
    if run.started_at is None:
        return []
    return [{"id": f"{run.id}/output", "host": _host(run)}]


def _files(run: Run) -> list[Body]:
    sizes = {"out": run.out_bytes, "err": run.err_bytes}
    return [
        {"id": f"{run.id}/output?stream={stream}", "host": _host(run), "name": f"std{stream}.txt"}
        for stream, size in sizes.items()
        if size
    ]


def _host(run: Run) -> str:
    return run_url(run.id).rpartition("/")[0]


def _number(run_id: int | None) -> str | None:
    return None if run_id is None else str(run_id)
