"""What a change makes of a job's trigger: which of its keys stay, and what of its past it keeps."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.model import Job
from jobsched.triggers import KINDS, Trigger
from jobsched.triggers.base import SINCE

Keys = dict[str, Any]
Read = Callable[[Mapping[str, Any], int], Trigger]

_GRID = "interval"  # the kind of which the start is always stored
_STARTS = ("start", "startTime")
# The spelling of a recurrence, which stands inside it, and what other triggers call the same.
_INSIDE = {"count": "count", "endTime": "end"}


def changed(
    job: Job, before: Trigger | None, given: Mapping[str, Any], read: Read, now_us: int
) -> Trigger:
    """Return the trigger that *job* has when at *now_us* the keys *given* replace those it had.

    None in them goes back to the default. *before* is its trigger so far, None if it cannot be
    read; *read* makes a trigger of flat keys for a moment of creation. A change that leaves the
    rule alone keeps its past: the grid of an interval, the creation that ``count`` counts from,
    and a recurrence that began at once does not begin again.

    Raises: InvalidInput with every broken rule.
    """
    kept = _with_its_past(job, before, given, read)
    if kept is not None and kept.first(now_us) is not None:
        return kept
    fresh = read(_laid_over(_fresh_base(job, before, given), given), now_us)
    if kept is not None:
        raise _nothing_left(kept, next(iter(given)))
    return fresh


def _nothing_left(trigger: Trigger, field: str) -> InvalidInput:
    """Return the refusal of a *trigger* that would have moments only if it began anew."""
    since = trigger.start_us if trigger.since_us is None else trigger.since_us
    counted = "" if since is None or trigger.count is None else f" count begins {_iso(since)}."
    return InvalidInput.field(field, "never", f"No moment would be left.{counted}")


def _with_its_past(
    job: Job, before: Trigger | None, given: Mapping[str, Any], read: Read
) -> Trigger | None:
    """Return the changed trigger as if it had been so from the first; None for a new rule."""
    if before is None or _begins_anew(before, given):
        return None
    base = before.to_json()
    if before.kind == _GRID:
        given = {name: value for name, value in given.items() if name != "start"}
    with suppress(InvalidInput):
        kept = read(_laid_over(base, given), _created_us(job))
        if kept.kind == before.kind and _rule(kept) == _rule(before):
            return kept
    return None


def _begins_anew(before: Trigger, given: Mapping[str, Any]) -> bool:
    """Return whether *given* names another start, or takes away that of a recurrence."""
    named = any(given.get(name) is not None for name in _STARTS)
    return named or ("startTime" in before.to_json() and any(name in given for name in _STARTS))


def _rule(trigger: Trigger) -> object:
    """Return what names the moments, without the bounds that may stand in it."""
    rule = trigger.to_json()[trigger.kind]
    if isinstance(rule, Mapping):
        return {name: value for name, value in rule.items() if name not in _INSIDE}
    return rule


def _fresh_base(job: Job, before: Trigger | None, given: Mapping[str, Any]) -> Keys:
    """Return the flat keys of the present trigger over which those *given* are laid.

    Another rule drops a start that only was the grid of the old distance. One that cannot be
    read goes with a new rule, else it is kept to be repaired key by key.
    """
    new_rule = any(given.get(kind) is not None for kind in KINDS)
    if before is None:
        return {} if new_rule or job.trigger is None else _without_since(job.trigger)
    base = before.to_json()
    if new_rule and _start_is_grid(before):
        base.pop("start", None)
    return base


def _laid_over(base: Keys, given: Mapping[str, Any]) -> Keys:
    """Return the keys of *base* with those *given* over them; nothing is said twice."""
    keys = dict(base)
    if any(given.get(kind) is not None for kind in KINDS):
        keys = {name: value for name, value in keys.items() if name not in KINDS}
        keys = _without_bounds_of(given.get("recurrence"), keys)
    if any(name in given for name in _STARTS):
        keys = {name: value for name, value in keys.items() if name not in _STARTS}
    if "recurrence" in keys:
        keys["recurrence"] = _unbounded(keys["recurrence"], given)
    laid = {**keys, **given}
    if laid.get("recurrence") is None and "startTime" in keys:
        laid["start"] = laid.pop("startTime")
    return laid


def _without_bounds_of(recurrence: object, keys: Keys) -> Keys:
    """Return *keys* without the count and end that a new *recurrence* has its own word for."""
    if not isinstance(recurrence, Mapping) or not _INSIDE.keys() & recurrence.keys():
        return keys
    return {name: value for name, value in keys.items() if name not in _INSIDE.values()}


def _unbounded(recurrence: object, given: Mapping[str, Any]) -> object:
    """Return the present *recurrence* without the bounds that *given* names beside it."""
    if not isinstance(recurrence, Mapping):
        return recurrence
    return {
        name: value
        for name, value in recurrence.items()
        if name not in _INSIDE or _INSIDE[name] not in given
    }


def _without_since(stored: Mapping[str, Any]) -> Keys:
    """Return a stored form as a user would write it."""
    keys = {name: value for name, value in stored.items() if name != SINCE}
    if isinstance(inner := keys.get("any"), list):
        keys["any"] = [_without_since(one) if isinstance(one, Mapping) else one for one in inner]
    return keys


def _created_us(job: Job) -> int:
    """Return since when the trigger of *job* counts: as it has stored it, else the job's start."""
    text = _since_in(job.trigger or {})
    return clock.to_us(job.created_at if text is None else datetime.fromisoformat(text))


def _since_in(stored: Mapping[str, Any]) -> str | None:
    if SINCE in stored:
        return str(stored[SINCE])
    found = (_since_in(one) for one in stored.get("any", ()))
    return next((text for text in found if text is not None), None)


def _start_is_grid(trigger: Trigger) -> bool:
    """Return whether nobody need have named the start: it is at most one interval ahead."""
    if trigger.kind != _GRID or trigger.interval is None or trigger.start_us is None:
        return False
    return clock.from_us(trigger.start_us) <= clock.now() + trigger.interval


def _iso(us: int) -> str:
    return clock.from_us(us).isoformat().replace("+00:00", "Z")
