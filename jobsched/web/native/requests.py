"""From payloads to what the operations ask for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import request

from jobsched.errors import FieldError
from jobsched.model import Job, JobState, Mode
from jobsched.operations.changing import Change
from jobsched.operations.drafts import Draft
from jobsched.operations.runs import RunDraft
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.searching import JobFilter, RunFilter
from jobsched.triggers import TRIGGER_KEYS
from jobsched.web.context import caller, operations
from jobsched.web.payloads import JobChange, JobQuery, JobRequest, RunRequest
from jobsched.web.payloads.jobs import READ_ONLY
from jobsched.web.payloads.runs import RunFilters
from jobsched.web.payloads.types import to_instant
from jobsched.web.request import body_digest, idempotency_key

_FIELDS = ("task", "name", "params", "group", "tags", "description")
# These move on by themselves while a client holds a job in its hands.
_MOVING = frozenset({"next_run", "next_run_at", "last_run", "running", "queued", "service"})
# The modes that say something about what else may be given.
_MODES = {mode.value: mode for mode in (Mode.TRIGGERED, Mode.CONTINUOUS)}
# Where a recurrence shows what other triggers call so.
_SHOWN_IN = {"start": "startTime", "end": "recurrence", "count": "recurrence"}


def draft_of(payload: JobRequest) -> Draft:
    """Return the job that *payload* asks for."""
    return Draft(
        task=payload.task,
        name=payload.name,
        mode=None if payload.mode is None else Mode(payload.mode),
        trigger=payload.trigger(),
        policy=payload.policy(),
        params=payload.params or {},
        group=payload.group,
        tags=tuple(payload.tags or ()),
        description=payload.description,
        paused=bool(payload.paused),
    )


def change_of(payload: JobChange, shown: Mapping[str, Any]) -> Change:
    """Return what *payload* changes about the job that is *shown* so at present.

    Fields with the value that they are shown with change nothing, so that an answer to GET may
    be sent back. Whether all of them may be changed is for :func:`change_mistakes` to say.
    """
    given = payload.given()
    fields = {name: given.get(name) for name in _FIELDS if name in payload.model_fields_set}
    if "params" in fields:
        fields["params"] = payload.params or {}
    if "tags" in fields:
        fields["tags"] = tuple(payload.tags or ())
    return Change(
        fields=fields,
        mode=None if payload.mode is None else Mode(payload.mode),
        trigger=_moved(payload.trigger(), shown),
        policy=payload.policy(),
        paused=payload.paused,
    )


def change_mistakes(
    job: Job, shown: Mapping[str, Any], data: Mapping[str, Any]
) -> list[FieldError]:
    """Return what is wrong with the body *data* of a change beyond the form of its fields.

    *shown* is what GET says of *job* at present.
    """
    fixed = {name: data[name] for name in READ_ONLY if name in data}
    wrong = [_read_only(name) for name in _differing(fixed, shown)]
    wrong += [
        FieldError(field=name, rule="required", message=f"{name} cannot be null.")
        for name in ("task", "name")
        if name in data and data[name] is None
    ]
    return wrong + operations.changes.mistakes(job, _rough_change(data, shown))


def run_draft_of(payload: RunRequest) -> RunDraft:
    """Return the run that *payload* asks for."""
    policy = {
        name: value
        for name, value in payload.given().items()
        if name in {"queue", "priority", "timeout"}
    }
    return RunDraft(
        task=payload.task,
        name=payload.name,
        at=payload.at,
        params=payload.params or {},
        policy=policy,
    )


def job_filter_of(payload: JobQuery) -> JobFilter:
    """Return the filter of a list of jobs."""
    return JobFilter(
        name=payload.name,
        task=payload.task,
        group=payload.group,
        mode=payload.mode,
        state=None if payload.state is None else JobState(payload.state),
        q=payload.q,
    )


def run_filter_of(payload: RunFilters) -> RunFilter:
    """Return the filter of a list of runs."""
    return RunFilter(
        state=payload.state,
        outcome=payload.outcome,
        job=payload.job,
        task=payload.task,
        node=payload.node,
        since=to_instant(payload.since),
        until=to_instant(payload.until),
        q=payload.q,
    )


def idempotency() -> IdempotencyKey | None:
    """Return the present request's idempotency key, which is the caller's own for this route."""
    key = idempotency_key()
    if key is None:
        return None
    scope = f"{caller()} {request.method} {request.path}"[:200]
    return IdempotencyKey(scope=scope, key=key, body_digest=body_digest())


def _rough_change(data: Mapping[str, Any], shown: Mapping[str, Any]) -> Change:
    """Return what *data* changes of what only the operations can judge, as far as it is sound."""
    kinds = {"task": str, "params": Mapping}
    return Change(
        fields={name: data[name] for name in kinds if isinstance(data.get(name), kinds[name])},
        mode=_MODES.get(str(data.get("mode"))),
        trigger=_moved({name: data[name] for name in TRIGGER_KEYS if name in data}, shown),
        policy={name: data[name] for name in ("run_as", "singleton", "health") if name in data},
    )


def _moved(trigger: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of *trigger* that differ from what is *shown*.

    A recurrence shows its bounds in its own words, and null under the names of the others. That
    null is no change in a body that has those words too, else it takes the bound away.
    """
    return {
        name: value
        for name, value in trigger.items()
        if value != shown[name]
        or (shown["recurrence"] is not None and _SHOWN_IN.get(name, name) not in trigger)
    }


def _read_only(name: str) -> FieldError:
    message = f"{name} is read-only and differs from what the job has."
    return FieldError(field=name, rule="read_only", message=message)


def _differing(given: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, value in given.items()
        if value != shown[name] and not (name in _MOVING and _was_true(name, value, shown))
    ]


def _was_true(name: str, value: Any, shown: Mapping[str, Any]) -> bool:
    """Return whether a moving field may have had *value* when the client read it."""
    if name in {"running", "queued"}:
        return isinstance(value, int) and value >= 0
    if name == "service":
        return isinstance(value, list)
    if name == "last_run":
        return value is None or _not_newer(value, shown["last_run"])
    return value is None or _is_past(value)


def _not_newer(value: Any, last: Mapping[str, Any] | None) -> bool:
    run_id = value.get("id") if isinstance(value, Mapping) else None
    return isinstance(run_id, int) and last is not None and run_id <= last["id"]


def _is_past(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return moment.timestamp() <= datetime.now().astimezone().timestamp()
