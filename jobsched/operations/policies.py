"""How a job's runs are treated: what the job says, over its task, over the settings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobsched.catalog import Task
from jobsched.model import CatchUp, Health, Misfire, Policy
from jobsched.scheduling.planning import USUAL_GRACE, default_grace
from jobsched.settings import JobDefaults
from jobsched.triggers import Trigger


def default_policy(task: Task, defaults: JobDefaults, trigger: Trigger | None) -> Policy:
    """Return the policy of a job of *task* that says nothing itself."""
    base = Policy(max_instances=defaults.max_instances, misfire=_misfire(defaults, trigger))
    return replace(task.policy.for_jobs(base), jitter=_jitter(trigger))


def merged(current: Policy, default: Policy, given: Mapping[str, Any]) -> Policy:
    """Return *current* with what was *given* by field name; None goes back to the *default*.

    ``misfire`` and ``retries`` are mappings with only the keys that were given.
    """
    changes = {name: _value(name, value, current, default) for name, value in given.items()}
    return replace(current, **changes)


def _value(name: str, value: Any, current: Policy, default: Policy) -> Any:
    if value is None:
        return getattr(default, name)
    if name == "misfire":
        return replace(current.misfire, **value)
    if name == "retries":
        return replace(current.retries, **_with_tuples(value))
    if name == "health":
        return Health(**{**value, "command": tuple(value.get("command") or ())})
    return value


def _with_tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(each) if isinstance(each, list) else each for key, each in given.items()}


def _misfire(defaults: JobDefaults, trigger: Trigger | None) -> Misfire:
    catch_up = CatchUp.LAST if defaults.coalesce else CatchUp.ALL
    if defaults.misfire_grace == "default":
        usual = USUAL_GRACE if trigger is None else default_grace(trigger)
        return Misfire(grace=usual, catch_up=catch_up)
    return Misfire(grace=defaults.misfire_grace, catch_up=catch_up)


def _jitter(trigger: Trigger | None) -> float:
    return 0.0 if trigger is None else trigger.jitter_us / 1_000_000
