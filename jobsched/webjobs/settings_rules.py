"""What the keys of settings.job mean: Kudu's four, and ours beside them.

Each key has a rule; a value that breaks it is left out and named. Kudu ignores a value of the
wrong type without a word, so on disk that is no mistake for its own keys (``lenient``).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobsched.errors import FieldError
from jobsched.model import CatchUp, Overlap
from jobsched.settings import readers

KUDU_KEYS = frozenset({"schedule", "is_singleton", "stopping_wait_time", "is_in_place"})
# What a trigger takes over as it stands; triggers.parse has the rules.
SCHEDULE_KEYS = (
    "recurrence", "startTime", "timezone", "dst", "jitter", "calendars", "on_excluded",
)  # fmt: skip
LONGEST_TIME = 1e9  # seconds
LONGEST_GRACE = 3600  # seconds; whoever ignores a stop must not hold up its end for ever
LONGEST_URL = 2000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\$?", re.ASCII)
_OVERLAPS: Mapping[str, Overlap] = {each.value: each for each in Overlap}
_CONFLICTS: Mapping[str, Overlap] = {**_OVERLAPS, "reject": Overlap.SKIP}


@dataclass(slots=True, kw_only=True)
class Understood:
    """What settings say: *schedule* as flat keys of a trigger, *policy* by fields of Policy.

    *mistakes* holds every broken rule; what breaks one is nowhere else.
    """

    schedule: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    singleton: bool | None = None
    mistakes: list[FieldError] = field(default_factory=list)


def understand(values: Mapping[str, Any], *, lenient: bool = False) -> Understood:
    """Return what the settings *values* say; unknown keys say nothing."""
    said = Understood()
    for key, value in values.items():
        if key in _READERS and value is not None:
            try:
                _READERS[key](said, value)
            except _Broken as broken:
                _note(said, key, broken, lenient=lenient)
        elif key in SCHEDULE_KEYS and value is not None:
            said.schedule[key] = value
    if "cron" in said.schedule and "recurrence" in said.schedule:
        message = "Give a schedule or a recurrence, not both."
        said.mistakes.append(FieldError(field="recurrence", rule="one_of", message=message))
    return said


class _Broken(Exception):
    """A value breaks *rule*; *inside* is where in it, such as ``.max``."""

    def __init__(self, rule: str, what: str, inside: str = "") -> None:
        super().__init__(what)
        self.rule, self.what, self.inside = rule, what, inside


def _note(said: Understood, key: str, broken: _Broken, *, lenient: bool) -> None:
    if lenient and key in KUDU_KEYS and broken.rule == "type":
        return
    name = key + broken.inside
    message = f"{name} {broken.what}."
    said.mistakes.append(FieldError(field=name, rule=broken.rule, message=message))


def _schedule(said: Understood, value: object) -> None:
    if not isinstance(value, str):
        raise _Broken("type", "must be a text such as 0 */5 * * * *")
    if value.strip():
        said.schedule["cron"] = {"expression": value, "dialect": "ncrontab"}


def _singleton(said: Understood, value: object) -> None:
    said.singleton = _truth(value)


def _in_place(said: Understood, value: object) -> None:
    del said
    _truth(value)  # discovery.runs_in_place is who needs it


def _stopping_wait(said: Understood, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Broken("type", "must be a whole number of seconds")
    said.policy["grace"] = float(max(0, min(value, LONGEST_GRACE)))  # Kudu: negative is 0


def _seconds_of(name: str) -> Callable[[Understood, object], None]:
    def read(said: Understood, value: object) -> None:
        said.policy[name] = _seconds(value)

    return read


def _max_instances(said: Understood, value: object) -> None:
    said.policy["max_instances"] = _whole(value, 1, 1000)


def _overlap(said: Understood, value: object) -> None:
    said.policy["overlap"] = _one_of(value, _OVERLAPS)


def _on_conflict(said: Understood, value: object) -> None:
    said.policy.setdefault("overlap", _one_of(value, _CONFLICTS))


def _env(said: Understood, value: object) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _Broken("type", "must be an object of texts")
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name) or "\0" in text:
            what = "must have names of letters, digits and _, without a digit first"
            raise _Broken("variable", what)
        if name.startswith("JOBSCHED_"):
            raise _Broken("variable", "must leave names with JOBSCHED_ to jobsched")
    said.policy["env"] = value


def _run_as(said: Understood, value: object) -> None:
    said.policy["run_as"] = str(value)[:64]  # also a wrong one: without it, the job had more rights
    if not isinstance(value, str) or not _USER.fullmatch(value):
        raise _Broken("type", "must be the name of a user")


def _misfire(said: Understood, value: object) -> None:
    rules: Mapping[str, Callable[[object], object]] = {
        "grace": lambda each: None if each is None else _seconds(each),
        "catch_up": lambda each: _one_of(each, {one.value: one for one in CatchUp}),
    }
    said.policy["misfire"] = _parts(value, rules)


def _retries(said: Understood, value: object) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = {"max": value}
    rules: Mapping[str, Callable[[object], object]] = {
        "max": lambda each: _whole(each, 0, 1000),
        "backoff": _seconds,
        "factor": lambda each: _number(each, 1, 100),
        "max_backoff": _seconds,
        "jitter": lambda each: _number(each, 0, 1),
        "exit_codes": _exit_codes,
        "exceptions": _exceptions,
    }
    said.policy["retries"] = _parts(value, rules)


def _health(said: Understood, value: object) -> None:
    rules: Mapping[str, Callable[[object], object]] = {
        "command": _command,
        "url": _loopback_url,
        "interval": lambda each: _number(each, 1, 86_400, "a number of seconds"),
        "timeout": lambda each: _number(each, 0.1, 3600, "a number of seconds"),
        "failures": lambda each: _whole(each, 1, 100),
    }
    parts = _parts(value, rules)
    if ("command" in parts) == ("url" in parts):
        raise _Broken("required", "must have exactly one of command and url")
    said.policy["health"] = parts


def _command(value: object) -> list[str]:
    words = value if isinstance(value, list) else []
    sound = all(isinstance(word, str) and 0 < len(word) <= 4096 for word in words)
    if not sound or not 1 <= len(words) <= 100:
        raise _Broken("type", "must be a list of 1 to 100 words")
    return words


def _loopback_url(value: object) -> str:
    if isinstance(value, str) and len(value) > LONGEST_URL:
        raise _Broken("length", f"must have {LONGEST_URL} characters at most")
    try:
        return readers.loopback_url(value)
    except ValueError as error:
        raise _Broken("url", str(error)) from None


def _exit_codes(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > 256:
        raise _Broken("type", "must be a list of whole numbers")
    return [_whole(each, 1, 255) for each in value]  # 0 is no failure


def _exceptions(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > 100:
        raise _Broken("type", "must be a list of names of classes")
    try:
        return [readers.exception_name(each) for each in value]
    except ValueError as error:
        raise _Broken("characters", str(error)) from None


def _parts(value: object, rules: Mapping[str, Callable[[object], object]]) -> dict[str, object]:
    """Return the parts of an object, each by its rule."""
    if not isinstance(value, dict):
        raise _Broken("type", f"must be an object of {', '.join(rules)}")
    parts: dict[str, object] = {}
    for name, each in value.items():
        if name not in rules:
            what = f"is no part of it; there are {', '.join(rules)}"
            raise _Broken("unknown", what, f".{str(name)[:40]}")
        try:
            parts[name] = rules[name](each)
        except _Broken as broken:
            raise _Broken(broken.rule, broken.what, f".{name}") from None
    return parts


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Broken("type", "must be true or false")
    return value


def _seconds(value: object) -> float:
    return _number(value, 0, LONGEST_TIME, "a number of seconds")


def _number(value: object, low: float, high: float, what: str = "a number") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Broken("type", f"must be {what}")
    if not (low <= value <= high) or not math.isfinite(value):
        raise _Broken("range", f"must be {what} from {low:g} to {high:g}")
    return float(value)


def _whole(value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Broken("type", "must be a whole number")
    if not low <= value <= high:
        raise _Broken("range", f"must be a whole number from {low} to {high}")
    return value


def _one_of(value: object, words: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or value not in words:
        raise _Broken("choice", f"must be one of {', '.join(words)}")
    return words[value]


_READERS: Mapping[str, Callable[[Understood, object], None]] = {
    "schedule": _schedule,
    "is_singleton": _singleton,
    "stopping_wait_time": _stopping_wait,
    "is_in_place": _in_place,
    "timeout": _seconds_of("timeout"),
    "idle_timeout": _seconds_of("idle_timeout"),
    "max_instances": _max_instances,
    "overlap": _overlap,
    "on_conflict": _on_conflict,
    "env": _env,
    "run_as": _run_as,
    "misfire": _misfire,
    "retries": _retries,
    "health": _health,
}
