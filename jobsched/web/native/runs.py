"""Routes of runs: ask for one, list, show, stop, retry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flask import Response, request

from jobsched.errors import (
    InvalidInput,
    JobBusy,
    KeyReused,
    NotRetriable,
    QueueFull,
    RunAlreadyFinished,
    RunNotFinished,
    UnknownRun,
    UnknownTask,
    WrongMode,
)
from jobsched.model import Role, Run, RunState
from jobsched.storage.searching import RunFilter
from jobsched.web import waiting
from jobsched.web.answers import answer, nothing, page, tagged
from jobsched.web.context import caller, operations
from jobsched.web.gate import needs
from jobsched.web.links import run_url
from jobsched.web.native.blueprint import native
from jobsched.web.native.requests import idempotency, run_draft_of, run_filter_of
from jobsched.web.native.shapes import Body, retried_body, run_body
from jobsched.web.openapi import describes
from jobsched.web.payloads import (
    Nothing,
    RetryManyAnswer,
    RetryManyRequest,
    RunAnswer,
    RunList,
    RunQuery,
    RunRequest,
    StopRequest,
)
from jobsched.web.request import json_body, query


@native.post("/runs")
@needs(Role.OPERATOR)
@describes(
    body=RunRequest,
    answers={200: RunAnswer, 202: RunAnswer},
    headers=("Idempotency-Key", "Prefer"),
    errors=(UnknownTask, KeyReused, QueueFull),
)
def create_run() -> Response:
    """Run a task once, without a job."""
    draft, key = run_draft_of(json_body(RunRequest)), idempotency()
    return accepted(lambda: operations.runs.start(draft, caller(), key))


@native.get("/runs")
@describes(query=RunQuery, answers={200: RunList, 304: None}, headers=("If-None-Match",))
def list_runs() -> Response:
    """List runs, newest first."""
    asked = query(RunQuery)
    return runs_page(run_filter_of(asked), asked.limit, asked.cursor)


@native.get("/runs/<number:run_id>")
@describes(answers={200: RunAnswer, 304: None}, headers=("If-None-Match",), errors=(UnknownRun,))
def show_run(run_id: int) -> Response:
    """Show a run."""
    return tagged(_explained([operations.runs.get(run_id)])[0])


@native.post("/runs/<number:run_id>/stop")
@needs(Role.OPERATOR)
@describes(body=StopRequest, answers={202: None}, errors=(UnknownRun, RunAlreadyFinished))
def stop_run(run_id: int) -> Response:
    """Ask a run to stop."""
    asked = json_body(StopRequest, optional=True)
    run = operations.runs.stop(run_id, caller(), asked.reason)
    return nothing(202, location=run_url(run.id))


@native.post("/runs/<number:run_id>/retry")
@needs(Role.OPERATOR)
@describes(
    body=Nothing,
    answers={200: RunAnswer, 202: RunAnswer},
    headers=("Idempotency-Key", "Prefer"),
    errors=(UnknownRun, RunNotFinished, NotRetriable, JobBusy, WrongMode, KeyReused, QueueFull),
)
def retry_run(run_id: int) -> Response:
    """Run the same once more."""
    json_body(Nothing, optional=True)
    key = idempotency()
    return accepted(lambda: operations.runs.retry(run_id, caller(), key))


@native.post("/runs/retry")
@needs(Role.OPERATOR)
@describes(
    body=RetryManyRequest,
    answers={200: RetryManyAnswer},
    headers=("Idempotency-Key",),
    errors=(KeyReused, QueueFull),
)
def retry_runs() -> Response:
    """Run again what failed, of the runs that pass the filters."""
    if request.args:
        raise InvalidInput.field("query", "body_only", "The filters go into the body.")
    asked = json_body(RetryManyRequest)
    filters = run_filter_of(asked)
    if not asked.all and filters == RunFilter():
        message = 'Without any filter "all": true is needed.'
        raise InvalidInput.field("all", "required", message)
    done = operations.retries.retry_many(
        filters, asked.limit, caller(), idempotency(), dry_run=asked.dry_run
    )
    new = {"matched": done.matched, "retried": len(done.runs), "runs": done.runs}
    return answer({**new, **retried_body(done)})


def accepted(ask: Callable[[], Run]) -> Response:
    """Ask for a run and return how it ended, if the client waits for that long enough.

    Otherwise the answer is 202 and the run as it is by then.
    """
    waited = _waited(ask)
    status = 200 if waited.ended else 202
    return _told(waited, answer(_body(waited.run), status, location=run_url(waited.run.id)))


def listed(ask: Callable[[], Run]) -> Response:
    """Ask for a run like :func:`accepted`; the answer is 200 and the list of new runs."""
    waited = _waited(ask)
    body = {"values": [_body(waited.run)], "next": None}
    return _told(waited, answer(body, location=run_url(waited.run.id)))


def runs_page(filters: RunFilter, limit: int, cursor: str | None) -> Response:
    """Return a page of the runs that pass *filters*."""
    found = operations.runs.list(filters, limit, cursor)
    return page(_explained(found.values), found.next)


def shown_runs(runs: Sequence[Run]) -> list[Body]:
    """Return runs as they are shown."""
    return [*map(_body, runs)]


@dataclass(frozen=True, slots=True)
class _Waited:
    """A new run as it is after the wait that the client asked for, and whether it has ended."""

    run: Run
    ended: bool
    preference: waiting.Preference


def _waited(ask: Callable[[], Run]) -> _Waited:
    preference = waiting.prefer()
    run = ask()
    if not preference.wait:
        return _Waited(run, False, preference)
    waiting.finish(run.id, preference)
    run = operations.runs.get(run.id)
    return _Waited(run, run.state is RunState.DONE, preference)


def _told(waited: _Waited, response: Response) -> Response:
    if waited.preference.wait is not None:
        response.headers["Preference-Applied"] = f"wait={waited.preference.wait:g}"
    return response


def _body(run: Run) -> Body:
    return run_body(run, operations.outputs.sizes(run))


def _explained(runs: Sequence[Run]) -> list[Body]:
    """Return runs as they are shown; those that wait say for what."""
    reasons = operations.waiting.reasons(runs)
    return [_body(replace(run, reason=reasons.get(run.id, run.reason))) for run in runs]
