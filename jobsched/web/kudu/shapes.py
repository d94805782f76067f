"""Job and run objects, field by field in the order in which Kudu writes them.

Sources: a captured answer of Kudu (webjobs.md, section 1) and seed 000, whose ``runCommand`` stands
beside today's ``run_command``. Fields without a value are null, never left out; ``next_run`` is
ours.
"""

from collections.abc import Sequence
from typing import Any

from jobsched import clock
from jobsched.model import Job, JobState, Run, WebJob, WebJobType
from jobsched.operations.webjobs import WebJobView
from jobsched.storage.services import Service
from jobsched.web.context import operations
from jobsched.web.kudu import addresses, files, finding, secrets, words
from jobsched.web.kudu.times import NEVER, duration, instant
from jobsched.webjobs.causes import cause
from jobsched.webjobs.runids import id_of

Body = dict[str, Any]


def job_bodies(jobs: Sequence[WebJobView]) -> Sequence[Body]:
    """Return the objects of jobs, in their order."""
    keys = [found.job.key for found in jobs if found.webjob.type is WebJobType.CONTINUOUS]
    services = finding.services(keys)
    held = bool(keys) and operations.app_settings.read().stopped
    return [
        _continuous(found, services.get(found.job.key, []), held=held)
        if found.webjob.type is WebJobType.CONTINUOUS
        else _triggered(found)
        for found in jobs
    ]


def job_body(found: WebJobView) -> Body:
    """Return the object of a job."""
    return job_bodies([found])[0]


def run_body(webjob: WebJob, job: Job, run: Run) -> Body:
    """Return the object of one run of a triggered job."""
    kind, name, number = webjob.type, webjob.name, id_of(run.created_at)
    end = run.ended_at or clock.now()
    return {
        "id": number,
        "name": number,
        "status": words.of_run(run),
        "start_time": instant(run.created_at),
        "end_time": NEVER if run.ended_at is None else instant(run.ended_at),
        "duration": duration(end - run.created_at),
        "output_url": files.url_if_there(kind, name, number, files.OUTPUT),
        "error_url": files.url_if_there(kind, name, number, files.ERRORS),
        "url": addresses.run_url(name, number),
        "job_name": name,
        "trigger": cause(run, job.trigger, operations.configuration.calendars),
    }


def _triggered(found: WebJobView) -> Body:
    kind, name, latest = found.webjob.type, found.webjob.name, found.last_run
    return {
        "latest_run": None if latest is None else run_body(found.webjob, found.job, latest),
        "history_url": addresses.history_url(name),
        "scheduler_logs_url": files.url_if_there(kind, name, files.SCHEDULER_LOG),
        **_common(found.webjob),
        "next_run": _next_run(found.job),
    }


def _continuous(found: WebJobView, services: Sequence[Service], *, held: bool) -> Body:
    """Return the object of a continuous job, which has a service on each machine.

    *held*: no web job shall run at present.
    """
    states = [service.state for service in services]
    wanted = found.job.state is JobState.ACTIVE and not held
    lines = [f"{service.node} - {words.of_instance(service.state)}\r\n" for service in services]
    return {
        "status": words.of_continuous(states, wanted=wanted),
        "detailed_status": "".join(lines),
        "log_url": addresses.file_url(found.webjob.type, found.webjob.name, files.CONTINUOUS_LOG),
        **_common(found.webjob),
    }


def _common(webjob: WebJob) -> Body:
    kind, name = webjob.type, webjob.name
    return {
        "name": name,
        "run_command": webjob.script,
        "runCommand": webjob.script,
        "url": addresses.job_url(kind, name),
        "extra_info_url": addresses.page_url(kind, name),
        "type": kind.value,
        "error": webjob.error,
        "using_sdk": files.uses_sdk(kind, name),
        "settings": secrets.shown(webjob.settings),
    }


def _next_run(job: Job) -> str | None:
    if job.next_run is None or job.state is not JobState.ACTIVE:
        return None
    return instant(job.next_run)
