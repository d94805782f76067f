"""What is asked for before it is a job: its fields, and the mistakes that only we can see."""

import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.catalog import Catalog, Task
from jobsched.errors import FieldError, InvalidInput
from jobsched.model import Job, Mode, WebJobType
from jobsched.settings import Settings
from jobsched.settings.suggestions import did_you_mean
from jobsched.triggers import KINDS, TRIGGER_KEYS, Trigger, parse

_WITHOUT_MOMENTS = (Mode.TRIGGERED, Mode.CONTINUOUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A job that somebody wants.

    *trigger* holds the flat keys of spec/preview.md as they were given; *policy* the given
    fields of ``model.Policy`` (see ``policies.merged``).
    """

    task: str
    name: str
    mode: Mode | None = None
    trigger: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    paused: bool = False


def read_trigger(
    mode: Mode | None,
    given: Mapping[str, Any],
    created_us: int,
    timezone: str,
    calendars: Calendars = NO_CALENDARS,
) -> Trigger | None:
    """Return the trigger in the keys *given* that are not None; None for a job without moments.

    *timezone* and *calendars* are those of the configuration.

    Raises: InvalidInput with every broken rule.
    """
    said = {name: value for name, value in given.items() if value is not None}
    if mode in _WITHOUT_MOMENTS:
        if said:
            raise InvalidInput([_without_moments(name, mode) for name in sorted(said)])
        return None
    if not any(kind in said for kind in KINDS):
        kinds = ", ".join(KINDS)
        message = f'Give exactly one of {kinds}, or "mode": "triggered" or "continuous".'
        raise InvalidInput.field(KINDS[0], "required", message)
    return parse(said, created_us=created_us, timezone=timezone, calendars=calendars)


def web_job_type(job: Job) -> WebJobType:
    """Return which kind of web job *job* is."""
    continuous = job.mode is Mode.CONTINUOUS
    return WebJobType.CONTINUOUS if continuous else WebJobType.TRIGGERED


def params_mistakes(task: Task, params: Mapping[str, Any]) -> list[FieldError]:
    """Return a mistake for each of *params* that the catalog does not allow *task*."""
    return [
        FieldError(
            field=f"params.{name[:100]}",
            rule="unknown",
            message=f"Task {task.name} takes no parameter {name[:100]!r}."
            + did_you_mean(name[:100], task.params),
        )
        for name in params
        if name not in task.params
    ]


def run_as_mistakes(user: object, settings: Settings) -> list[FieldError]:
    """Return what is wrong with the *user* whose rights a job asks for.

    RUN_AS is a bound, not only a default: behind it no job gets root's rights back.
    """
    if not isinstance(user, str):
        return []
    try:
        uid = pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError):
        message = f"There is no user {user[:100]!r} on this machine."
        return [FieldError(field="run_as", rule="unknown", message=message)]
    if uid != 0 or settings.run_as is None or settings.allow_root_jobs:
        return []
    message = f"{user} has all rights: with RUN_AS, jobs may only have them by ALLOW_ROOT_JOBS."
    return [FieldError(field="run_as", rule="not_allowed", message=message)]


def service_mistakes(mode: Mode | None, given: Mapping[str, Any]) -> list[FieldError]:
    """Return what is wrong with what only continuous jobs have, in a job of this *mode*."""
    if mode is Mode.CONTINUOUS:
        return []
    messages = {
        "singleton": "Only a job of mode continuous can be a singleton.",
        "health": "Only a job of mode continuous has its health checked.",
    }
    return [
        FieldError(field=name, rule="mode", message=message)
        for name, message in messages.items()
        if given.get(name)
    ]


def mistakes(
    data: Mapping[str, Any],
    catalog: Catalog,
    now_us: int,
    timezone: str,
    calendars: Calendars = NO_CALENDARS,
) -> list[FieldError]:
    """Return what is wrong with the trigger and the parameters in a raw request for a job.

    For reporting them together with what is wrong with other fields.
    """
    found: list[FieldError] = []
    mode = next((mode for mode in _WITHOUT_MOMENTS if data.get("mode") == mode.value), None)
    given = {name: data[name] for name in TRIGGER_KEYS if name in data}
    try:
        read_trigger(mode, given, now_us, timezone, calendars)
    except InvalidInput as refusal:
        found.extend(refusal.errors)
    found.extend(service_mistakes(mode, data))
    name, params = data.get("task"), data.get("params")
    if isinstance(name, str) and name in catalog and isinstance(params, Mapping):
        found.extend(params_mistakes(catalog.get(name), params))
    return found


def _without_moments(name: str, mode: Mode) -> FieldError:
    message = f"A job of mode {mode.value} has no moments: leave out {name}."
    return FieldError(field=name, rule="mode", message=message)
