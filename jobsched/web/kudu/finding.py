"""Looking up what an address names: jobs by their names, runs by their ids."""

from collections.abc import Mapping, Sequence

from flask import request

from jobsched import clock
from jobsched.errors import UnknownRun, UnknownWebJob
from jobsched.model import ALIVE, Job, Run, WebJobType
from jobsched.operations.status import FRESH
from jobsched.operations.webjobs import WebJobView
from jobsched.storage.searching import RunFilter
from jobsched.storage.services import Service
from jobsched.web.context import operations
from jobsched.webjobs import runids

_YES = {"1", "true"}


def get(kind: WebJobType, name: str, *, broken: bool = False) -> WebJobView:
    """Return the job called *name*, exactly or else in any case.

    One without a script counts only with *broken*, or when the client asks for such ones.

    Raises: UnknownWebJob.
    """
    found = operations.webjobs.get(kind, name)
    if found.webjob.script is None and not (broken or _with_broken()):
        raise UnknownWebJob(kind, name)
    return found


def of_kinds(*kinds: WebJobType) -> list[WebJobView]:
    """Return all jobs of these *kinds*, triggered ones first; broken ones when asked for."""
    broken = _with_broken()
    return [found for kind in kinds for found in operations.webjobs.list(kind, errors=broken)]


def history(job: Job) -> Sequence[Run]:
    """Return the runs of a job that are kept, newest first."""
    kept = job.policy.history or operations.configuration.settings.history
    return operations.runs.list(RunFilter(job=job.id), kept, None).values


def living(job: Job) -> Sequence[Run]:
    """Return the runs of a job that are not done."""
    return operations.store.runs.of_job(job.key, *ALIVE)


def run(job: Job, number: str) -> Run:
    """Return the run of a job that *number* names. Raises: UnknownRun."""
    span = runids.span(number)
    if span is None:
        raise UnknownRun(number)
    since, until = span
    found = operations.runs.list(RunFilter(job=job.id, since=since, until=until), 2, None).values
    if len(found) != 1:
        raise UnknownRun(number)
    return found[0]


def services(keys: Sequence[int]) -> Mapping[int, Sequence[Service]]:
    """Return where continuous jobs stand on each machine, by the jobs' numbers.

    What a machine said that is away does not count, unless there is no other.
    """
    if not keys:
        return {}
    found = operations.store.services.of_jobs(keys)
    since = clock.now() - FRESH
    here = {node.name for node in operations.store.nodes.list() if node.heartbeat_at >= since}
    return {
        key: [service for service in of_job if service.node in here] or of_job
        for key, of_job in found.items()
    }


def _with_broken() -> bool:
    return request.args.get("include_errors", "").lower() in _YES
