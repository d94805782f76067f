"""Routes of triggered jobs and their runs: run, stop, history (Kudu: JobsController.cs)."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flask import Response, request

from jobsched.errors import Conflict, JobBusy, RunAlreadyFinished, UnknownRun, UnknownWebJob
from jobsched.execution.script import SCRIPT_TYPES, can_run
from jobsched.model import Role, Run, RunState, WebJob, WebJobType
from jobsched.web.context import operations
from jobsched.web.gate import needs
from jobsched.web.kudu import addresses, asking, envelopes, finding, holding, words
from jobsched.web.kudu.answers import nothing, tagged
from jobsched.web.kudu.blueprint import TRIGGERED, route
from jobsched.web.kudu.payloads import KuduHistory, KuduRun, KuduRunQuery
from jobsched.web.kudu.shapes import Body, run_body
from jobsched.web.openapi import describes
from jobsched.webjobs.runids import id_of

BUSY = "Cannot start a new run since job is already running."  # clients look for these words
HELD = "Cannot start a new run since web jobs are stopped (WEBJOBS_STOPPED)."
KIND = WebJobType.TRIGGERED


@route("POST", TRIGGERED, "/<name>/run")
@needs(Role.OPERATOR)
@describes(query=KuduRunQuery, answers={200: None, 202: None}, errors=(UnknownWebJob, Conflict))
def run_triggered(name: str) -> Response:
    """Run a job now; Location says where the run is. 200 instead of 202 to ARM."""
    webjob, run = start(name)
    where = addresses.run_url(webjob.name, id_of(run.created_at))
    return nothing(200 if envelopes.wanted() else 202, location=where)


@route("POST", TRIGGERED, "/<name>/stop")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def stop_triggered(name: str) -> Response:
    """Stop whatever runs of a job; that may be nothing."""
    _stop(finding.living(finding.get(KIND, name, broken=True).job))
    return nothing()


@route("GET", TRIGGERED, "/<name>/history")
@describes(answers={200: KuduHistory, 304: None}, errors=(UnknownWebJob,))
def show_history(name: str) -> Response:
    """Show the runs of a job, newest first."""
    bodies = history(name)
    tag = _history_tag(bodies)
    if not envelopes.wanted():
        return tagged({"runs": bodies}, tag)
    return tagged(envelopes.page(_enveloped(request.path, each) for each in bodies), tag)


@route("GET", TRIGGERED, "/<name>/history/<number>")
@describes(answers={200: KuduRun, 304: None}, errors=(UnknownWebJob, UnknownRun))
def show_run(name: str, number: str) -> Response:
    """Show a run; the first 14 digits are enough where they name exactly one."""
    body = one_run(name, number)
    return tagged(_enveloped(request.path.rpartition("/")[0], body) if envelopes.wanted() else body)


@route("POST", TRIGGERED, "/<name>/history/<number>/stop")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob, UnknownRun))
def stop_run(name: str, number: str) -> Response:
    """Stop one run of a job; it may have ended already."""
    _stop([finding.run(finding.get(KIND, name, broken=True).job, number)])
    return nothing()


def start(name: str) -> tuple[WebJob, Run]:
    """Ask for a run of the job called *name*; return both.

    Raises: UnknownWebJob, InvalidInput; Conflict while another one runs, or when no job may.
    """
    found = finding.get(KIND, name)
    said = asking.arguments()
    if operations.app_settings.read().stopped:
        raise Conflict(HELD)
    params = {"arguments": said} if said else {}
    try:
        run = operations.jobs.run(found.job.id, asking.who_asks(), params)
    except JobBusy:
        raise Conflict(BUSY) from None
    if not _can_start(found.webjob):
        # Done before its answer is sent, so that the next one is not refused.
        holding.until(lambda: _are_done([run.id]))
    return found.webjob, run


def history(name: str) -> list[Body]:
    """Return the objects of the runs that are kept, newest first. Raises: UnknownWebJob."""
    found = finding.get(KIND, name)
    return [run_body(found.webjob, found.job, run) for run in finding.history(found.job)]


def one_run(name: str, number: str) -> Body:
    """Return the object of one run. Raises: UnknownWebJob, UnknownRun."""
    found = finding.get(KIND, name)
    return run_body(found.webjob, found.job, finding.run(found.job, number))


def _history_tag(bodies: Sequence[Body]) -> str:
    """Return Kudu's tag, made of the newest run; and of what else may still change."""
    if not bodies:
        return "none"
    newest, *older = bodies
    living = [body["id"] for body in older if body["status"] in words.LIVING]
    told = ["error"] if newest["error_url"] and newest["status"] in words.LIVING else []
    return "-".join([newest["id"], newest["status"], newest["end_time"], *told, *living])


def _enveloped(path: str, body: Body) -> Body:
    return envelopes.resource(f"{path}/{body['id']}", "triggeredwebjobs/history", body["id"], body)


def _stop(runs: Sequence[Run]) -> None:
    """Stop *runs*, and hold the answer until nothing of them is left."""
    who = asking.who_asks()
    for run in runs:
        with suppress(RunAlreadyFinished):
            operations.runs.stop(run.id, who)
    ids = [run.id for run in runs]
    holding.until(lambda: _are_done(ids))


def _are_done(ids: Sequence[int]) -> bool:
    states = operations.store.runs.states(ids) if ids else {}
    return all(state is RunState.DONE for state, _ in states.values())


def _can_start(webjob: WebJob) -> bool:
    """Return whether there is what runs the job's script, as far as this machine knows."""
    types = operations.configuration.settings.script_types
    return can_run(Path(webjob.folder) / (webjob.script or ""), {**SCRIPT_TYPES, **types})
