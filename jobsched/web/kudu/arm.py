"""The part of the Azure resource manager (ARM) that the official library needs for web jobs.

Everything else about a site is Azure's: subscription, group, site and slot may be called anything.
Shapes: azure-mgmt-web 11 (WebApps operations on web jobs).
"""

from collections.abc import Sequence
from urllib.parse import quote

from flask import Response, request

from jobsched.errors import UnknownRun, UnknownWebJob
from jobsched.model import Role, WebJobType
from jobsched.operations.webjobs import WebJobView
from jobsched.web.gate import needs
from jobsched.web.kudu import continuous, envelopes, finding, jobs, triggered
from jobsched.web.kudu.answers import nothing, tagged
from jobsched.web.kudu.blueprint import ARM, route
from jobsched.web.kudu.payloads import ArmList, ArmResource
from jobsched.web.kudu.shapes import Body, job_bodies
from jobsched.web.openapi import describes

_EITHER = "/<webjobs:kind>webjobs"


@route("GET", ARM, "/webjobs")
@describes(answers={200: ArmList, 304: None})
def arm_list_all(**_: str) -> Response:
    """List all jobs of a site."""
    return tagged(_page(finding.of_kinds(*WebJobType), "webjobs"))


@route("GET", ARM, "/webjobs/<name>")
@describes(answers={200: ArmResource, 304: None}, errors=(UnknownWebJob,))
def arm_show_any(name: str, **_: str) -> Response:
    """Show a job of a site; of two with the same name the triggered one."""
    return tagged(_page([_any(name)], "webjobs")["value"][0])


@route("GET", ARM, _EITHER)
@describes(answers={200: ArmList, 304: None})
def arm_list(kind: WebJobType, **_: str) -> Response:
    """List the jobs of one type."""
    return tagged(_page(finding.of_kinds(kind), f"{kind}webjobs"))


@route("GET", ARM, f"{_EITHER}/<name>")
@describes(answers={200: ArmResource, 304: None}, errors=(UnknownWebJob,))
def arm_show(kind: WebJobType, name: str, **_: str) -> Response:
    """Show a job."""
    return tagged(_page([finding.get(kind, name)], f"{kind}webjobs")["value"][0])


@route("DELETE", ARM, f"{_EITHER}/<name>")
@needs(Role.ADMIN)
@describes(answers={200: None})
def arm_delete(kind: WebJobType, name: str, **_: str) -> Response:
    """Delete a job: its files, its logs, what runs of it."""
    jobs.remove(kind, name)
    return nothing()


@route("POST", ARM, "/triggeredwebjobs/<name>/run")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def arm_run(name: str, **_: str) -> Response:
    """Run a triggered job now."""
    triggered.start(name)
    return nothing()


@route("GET", ARM, "/triggeredwebjobs/<name>/history")
@describes(answers={200: ArmList, 304: None}, errors=(UnknownWebJob,))
def arm_history(name: str, **_: str) -> Response:
    """List the runs of a triggered job, newest first: one in each entry."""
    path = request.path.rstrip("/")
    return tagged(envelopes.page(_entry(path, run) for run in triggered.history(name)))


@route("GET", ARM, "/triggeredwebjobs/<name>/history/<number>")
@describes(answers={200: ArmResource, 304: None}, errors=(UnknownWebJob, UnknownRun))
def arm_show_run(name: str, number: str, **_: str) -> Response:
    """Show a run of a triggered job."""
    path = request.path.rstrip("/").rpartition("/")[0]
    return tagged(_entry(path, triggered.one_run(name, number)))


@route("POST", ARM, "/continuouswebjobs/<name>/start")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def arm_start(name: str, **_: str) -> Response:
    """Let a continuous job run."""
    continuous.start(name)
    return nothing()


@route("POST", ARM, "/continuouswebjobs/<name>/stop")
@needs(Role.OPERATOR)
@describes(answers={200: None}, errors=(UnknownWebJob,))
def arm_stop(name: str, **_: str) -> Response:
    """Stop a continuous job."""
    continuous.stop(name)
    return nothing()


def _any(name: str) -> WebJobView:
    try:
        return finding.get(WebJobType.TRIGGERED, name)
    except UnknownWebJob:
        return finding.get(WebJobType.CONTINUOUS, name)


def _page(found: Sequence[WebJobView], kind: str) -> Body:
    """Return jobs as things of the type *kind*, named ``site/job``."""
    pairs = zip(found, job_bodies(found), strict=True)
    return envelopes.page(_resource(job, kind, body) for job, body in pairs)


def _resource(found: WebJobView, kind: str, body: Body) -> Body:
    args, name = request.view_args or {}, found.webjob.name
    site = f"{args['site']}/{args['slot']}" if "slot" in args else args["site"]
    path = f"{request.path.rpartition(f'/{kind}')[0]}/{kind}/{quote(name)}"
    said = {**body, "web_job_type": found.webjob.type.value.title()}
    if said.get("latest_run") is not None:
        said["latest_run"] = _run(said["latest_run"])
    return envelopes.resource(path, kind, f"{site}/{name}", said)


def _entry(path: str, run: Body) -> Body:
    args = request.view_args or {}
    name = f"{args['site']}/{args['name']}/{run['id']}"
    kind = "triggeredwebjobs/history"
    return envelopes.resource(f"{path}/{run['id']}", kind, name, {"runs": [_run(run)]})


def _run(run: Body) -> Body:
    """Return a run under ARM's names for its id and name as well."""
    return {**run, "web_job_id": run["id"], "web_job_name": run["job_name"]}
