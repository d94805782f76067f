"""How a task's runs are treated: the catalog keys that start with ``jobsched.``."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from jobsched.model import OnLost, Overlap, Policy, Retries
from jobsched.settings import readers
from jobsched.settings.suggestions import did_you_mean

PREFIX = "jobsched."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_DIGITS = re.compile(r"-?[0-9]{1,9}", re.ASCII)
# Times stay with the task (None in a job means the task's default), so that a change in the
# catalog reaches the jobs that exist; the rest is copied into a job when it is made.
_COPIED = (
    "max_instances",
    "overlap",
    "retries",
    "on_lost",
    "queue",
    "priority",
    "history",
    "run_as",
    "detach",
)


class Isolation(StrEnum):
    """Which process calls a Python task."""

    WARM = "warm"  # a worker that stays: loads once, is called run after run
    FORK = "fork"  # a fresh process for each run


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """What a catalog entry says about its runs; None = nothing. Times in seconds, 0 = no limit."""

    isolation: Isolation = Isolation.WARM
    params: tuple[str, ...] = ()
    timeout: float | None = None
    idle_timeout: float | None = None
    grace: float | None = None
    retries: Retries | None = None
    on_lost: OnLost | None = None
    queue: str | None = None
    priority: int | None = None
    max_instances: int | None = None
    overlap: Overlap | None = None
    history: int | None = None
    run_as: str | None = None
    detach: bool | None = None

    def given(self) -> dict[str, Any]:
        """Return what the entry says, by field, in a fixed order."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}

    def for_jobs(self, base: Policy) -> Policy:
        """Return *base*, the policy of a job that says nothing itself, as this task has it."""
        given = self.given()
        return replace(base, **{name: given[name] for name in _COPIED if name in given})


def read(options: Mapping[str, str]) -> tuple[TaskPolicy, list[str]]:
    """Return the policy that *options* (keys without their prefix) say, and what is wrong."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for key, text in options.items():
        try:
            values[key] = _parser(key)(text)
        except ValueError as error:
            wrong.append(f"{PREFIX}{key}: {error}")
    return _policy(values), wrong


def _parser(key: str) -> Callable[[str], object]:
    if key not in _KEYS:
        near = did_you_mean(PREFIX + key, [PREFIX + known for known in _KEYS])
        raise ValueError(f"there is no such policy.{near}")
    return _KEYS[key]


def _policy(values: dict[str, Any]) -> TaskPolicy:
    """Build the policy; ``retries`` and ``retries.*`` become one value."""
    kept = {key: value for key, value in values.items() if not key.startswith("retries")}
    retries = {
        key.partition(".")[2] or "max": value for key, value in values.items() if key not in kept
    }
    if retries:
        kept["retries"] = replace(Retries(), **retries)
    return TaskPolicy(**kept)


def _number(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:  # NaN is in no range
        raise ValueError(f"must be {what}, not {text!r}")
    return value


def _seconds(text: str) -> float:
    return _number(text, 0, 10**9, "a number of seconds, 0 or more")


def _factor(text: str) -> float:
    return _number(text, 1, 100, "a number from 1 to 100")


def _fraction(text: str) -> float:
    return _number(text, 0, 1, "a number from 0 to 1")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def _choice(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def parse(text: str) -> StrEnum:
        words = [member.value for member in kind]
        if text not in words:
            near = did_you_mean(text, words)
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}.{near}")
        return kind(text)

    return parse


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _exit_codes(text: str) -> tuple[int, ...]:
    return tuple(_whole(1, 255)(word) for word in _words(text))


def _exceptions(text: str) -> tuple[str, ...]:
    return tuple(readers.exception_name(word) for word in _words(text))


def _params(text: str) -> tuple[str, ...]:
    words = _words(text)
    for word in words:
        if not _PARAMETER.fullmatch(word):
            raise ValueError(f"{word!r} is no name: letters, digits and '_', 64 at most")
        if words.count(word) > 1:
            raise ValueError(f"{word!r} stands there twice")
    return words


def _queue(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name: letters, digits, '-' and '_', 64 at most")
    return text


def _user(text: str) -> str:
    if not text:
        raise ValueError("must name a user")
    return text


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(f"must be true or false, not {text!r}")
    return text.lower() == "true"


_KEYS: Mapping[str, Callable[[str], object]] = {
    "isolation": _choice(Isolation),
    "params": _params,
    "timeout": _seconds,
    "idle_timeout": _seconds,
    "grace": _seconds,
    "retries": _whole(0, 1000),
    "retries.backoff": _seconds,
    "retries.factor": _factor,
    "retries.max_backoff": _seconds,
    "retries.jitter": _fraction,
    "retries.exit_codes": _exit_codes,
    "retries.exceptions": _exceptions,
    "on_lost": _choice(OnLost),
    "queue": _queue,
    "priority": _whole(-100, 100),
    "max_instances": _whole(1, 1000),
    "overlap": _choice(Overlap),
    "history": _whole(1, 1_000_000),
    "run_as": _user,
    "detach": _flag,
}
