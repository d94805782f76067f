"""Jobs, runs and occurrences as JSON. Plain dicts: tests hold them against the models."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobsched import clock
from jobsched.catalog import MASK
from jobsched.errors import InvalidInput
from jobsched.model import Health, Job, JobState, Occurrence, Policy, Role, Run, is_open
from jobsched.operations.jobs import JobView
from jobsched.operations.outputs import Sizes
from jobsched.operations.retries import Retried
from jobsched.storage.services import Service
from jobsched.triggers import describe, restore
from jobsched.web.context import operations
from jobsched.web.gate import principal
from jobsched.web.links import job_url, run_url

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Body = dict[str, Any]
# Keys of a canonical form that are shown beside the other fields of a job as they are.
_TRIGGER_FIELDS = (
    "at", "cron", "recurrence", "startTime", "any", "timezone", "dst", "start", "end", "count",
    "jitter", "calendars", "on_excluded",
)  # fmt: skip
_NO_TRIGGER: Body = {"interval": None, **dict.fromkeys(_TRIGGER_FIELDS), "trigger": None}


def iso(moment: datetime | None) -> str | None:
    """Return an instant as ISO 8601 UTC with Z; microseconds only when there are any."""
    return None if moment is None else moment.isoformat()[:-6] + "Z"


def local(moment: datetime | None) -> str | None:
    """Return an instant in the server's local time with six digits, as seed 002 shows it."""
    if moment is None:
        return None
    return moment.astimezone().replace(tzinfo=None).isoformat(" ", "microseconds")


def job_body(view: JobView) -> Body:
    """Return a job as ``payloads.JobAnswer`` describes it."""
    job = view.job
    moment = job.next_run if job.state is JobState.ACTIVE else None
    trigger = _trigger_of(job)
    return {
        "next_run": local(moment),
        "interval": trigger["interval"],
        "id": job.id,
        "name": job.name,
        "task": job.task,
        "mode": job.mode.value,
        "state": job.state.value,
        "state_reason": job.state_reason,
        "next_run_at": iso(moment),
        **trigger,
        "params": job.params,
        "group": job.group,
        "tags": job.tags,
        "description": job.description,
        **_policy_body(job.policy),
        "paused": job.state is JobState.PAUSED,
        "paused_until": iso(job.paused_until),
        "last_run": None if view.last_run is None else last_run_body(view.last_run),
        "service": None if view.services is None else [*map(service_body, view.services)],
        "running": view.running,
        "queued": view.queued,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
        "version": job.version,
        "url": job_url(job.id),
    }


def last_run_body(run: Run) -> Body:
    """Return the newest run of a job in short."""
    return {
        "id": run.id,
        "state": run.state.value,
        "outcome": None if run.outcome is None else run.outcome.value,
        "due_at": iso(run.due_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "url": run_url(run.id),
    }


def service_body(service: Service) -> Body:
    """Return where a continuous job stands on one machine."""
    next_us = service.next_try_us
    return {
        "node": service.node,
        "state": service.state.value,
        "run": service.run_id,
        "since": iso(clock.from_us(service.since_us)),
        "next_try": None if next_us is None else iso(clock.from_us(next_us)),
        "restarts": service.restarts,
        "exits": service.exits,
    }


def run_body(run: Run, sizes: tuple[Sizes, Sizes]) -> Body:
    """Return a run as ``payloads.RunAnswer`` describes it."""
    url = run_url(run.id)
    return {
        "id": run.id,
        "job": run.job_id,
        "job_url": None if run.job_id is None else job_url(run.job_id),
        "name": run.name,
        "task": run.task,
        "state": run.state.value,
        "outcome": None if run.outcome is None else run.outcome.value,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "ended_by": None if run.ended_by is None else run.ended_by.value,
        "reason": run.reason,
        "requested_by": run.requested_by,
        "due_at": iso(run.due_at),
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "queued_for": _queued_for(run),
        "duration": _seconds(run.started_at, run.ended_at),
        "attempt": run.attempt,
        "retry_of": run.retry_of,
        "retried_by": run.retried_by,
        "node": run.node,
        "queue": run.queue,
        "priority": run.priority,
        "params": run.params,
        "counts": {
            "success": run.counts.success,
            "error": run.counts.error,
            "ignore": run.counts.ignore,
        },
        "open_records": run.open_records,
        "retriable": run.retriable,
        "progress": _progress(run),
        "cpu_seconds": run.cpu_seconds,
        "peak_memory": run.peak_memory,
        "output": {
            "out": _stream(url, "out", sizes[0]),
            "err": _stream(url, "err", sizes[1]),
        },
        "url": url,
    }


def retry_body(run: Run, *, deleted: bool) -> Body:
    """Return a retry as ``payloads.RetryAnswer`` has it; *deleted* says whether its job is."""
    return {
        "id": run.id,
        "retry_of": run.retry_of,
        "retried_by": run.retried_by,
        "attempt": run.attempt,
        "state": run.state.value,
        "outcome": None if run.outcome is None else run.outcome.value,
        "open": is_open(run) and not deleted,
        "reason": run.reason,
        "requested_by": run.requested_by,
        "not_before": iso(run.not_before),
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "url": run_url(run.id),
        "retry_of_url": run_url(run.retry_of or 0),
    }


def retried_body(done: Retried) -> Body:
    """Return what became of runs that were not retried, as ``payloads.NewRetries`` has it."""
    return {
        "refused": done.refused,
        "refusals": [{"run": run_id, "reason": why} for run_id, why in done.refusals],
        "left": done.left,
        "reason": done.reason,
    }


def occurrence_body(occurrence: Occurrence) -> Body:
    """Return an occurrence as ``payloads.OccurrenceAnswer`` describes it."""
    body: Body = {
        "due_at": iso(occurrence.due_at),
        "outcome": occurrence.outcome.value,
        "reason": occurrence.reason,
        "run": occurrence.run_id,
        "late_by": occurrence.late_by,
    }
    if occurrence.count > 1:
        body["first"] = iso(occurrence.due_at)
        body["last"] = iso(occurrence.last_due_at)
        body["count"] = occurrence.count
    return body


def _wanted_at(run: Run) -> datetime:
    """Return since when *run* waits: one that was asked for early does so from its moment on."""
    return run.created_at if run.due_at is None else max(run.created_at, run.due_at)


def _queued_for(run: Run) -> float | None:
    # What was begun elsewhere had begun before it was told here.
    seconds = _seconds(_wanted_at(run), run.started_at)
    return None if seconds is None else max(0.0, seconds)


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()


def _progress(run: Run) -> Body | None:
    if run.progress is None and run.progress_text is None:
        return None
    return {"fraction": run.progress, "text": run.progress_text}


def _stream(url: str, name: str, sizes: Sizes) -> Body:
    return {
        "url": f"{url}/output?stream={name}",
        "bytes": sizes.written,
        "kept": sizes.kept,
    }


def _policy_body(policy: Policy) -> Body:
    retries, misfire = policy.retries, policy.misfire
    return {
        "queue": policy.queue,
        "priority": policy.priority,
        "max_instances": policy.max_instances,
        "overlap": policy.overlap.value,
        "misfire": {"grace": misfire.grace, "catch_up": misfire.catch_up.value},
        "timeout": policy.timeout,
        "idle_timeout": policy.idle_timeout,
        "grace": policy.grace,
        "retries": {
            "max": retries.max,
            "backoff": retries.backoff,
            "factor": retries.factor,
            "max_backoff": retries.max_backoff,
            "jitter": retries.jitter,
            "exit_codes": retries.exit_codes,
            "exceptions": retries.exceptions,
        },
        "on_lost": policy.on_lost.value,
        "history": policy.history,
        "env": _env(policy.env),
        "run_as": policy.run_as,
        "detach": policy.detach,
        "singleton": policy.singleton,
        "health": None if policy.health is None else _health(policy.health),
    }


def _health(health: Health) -> Body:
    return {
        "command": list(health.command) or None,
        "url": health.url,
        "interval": health.interval,
        "timeout": health.timeout,
        "failures": health.failures,
    }


def _env(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return variables as they may be seen: their values only by those who may change jobs."""
    if not env or principal().role.allows(Role.ADMIN):
        return env
    return dict.fromkeys(env, MASK)


def _trigger_of(job: Job) -> Body:
    """Return the keys about a job's trigger."""
    stored = job.trigger
    if stored is None:
        return _NO_TRIGGER
    try:
        return _trigger_body(json.dumps(stored), _known(stored.get("calendars")))
    except InvalidInput as error:
        # A job whose trigger cannot be read is blocked; it must not hide the others of a list.
        said = {name: value for name, value in stored.items() if name != "since"}
        return {
            "interval": None,
            **{name: said.get(name) for name in _TRIGGER_FIELDS},
            "trigger": {**said, "description": error.detail},
        }


def _known(names: object) -> tuple[str, ...]:
    """Return those of the *names* of calendars that there are at present."""
    if not isinstance(names, list):
        return ()
    calendars = operations.configuration.calendars
    return tuple(name for name in names if name in calendars)


@lru_cache(maxsize=4096)
def _trigger_body(stored: str, known: tuple[str, ...]) -> Body:
    """Return the keys about a trigger; reading and describing it each time is slow.

    What a job names is shown, not what is in its calendars: the answer stands as long as the
    same of them are *known*.
    """
    calendars = operations.configuration.calendars
    trigger = restore(json.loads(stored), {name: calendars[name] for name in known})
    canonical = trigger.to_json()
    return {
        "interval": str(trigger.interval) if "interval" in canonical else None,
        **{name: canonical.get(name) for name in _TRIGGER_FIELDS},
        "dst": trigger.dst.value,
        "trigger": {**canonical, "description": describe(trigger)},
    }


def facts(value: "DataclassInstance") -> Body:
    """Return a dataclass of the operations as JSON."""
    return plain(asdict(value))


def plain(values: Mapping[str, Any]) -> Body:
    """Return *values* with their instants as text."""
    return {
        name: iso(value) if isinstance(value, datetime) else value for name, value in values.items()
    }
