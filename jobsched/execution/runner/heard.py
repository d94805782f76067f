"""What a task process says, checked: user code shares that process, so it might say anything.

What is wrong is dropped, message by message: the run goes on, and ends as it would without it.
Standard library only: the runner imports this.
"""

import math
import re
from collections.abc import Callable

from jobsched.execution.protocol import Message

MOST = 2**31 - 1  # what a column of counts holds
LONGEST_TEXT, LONGEST_REASON = 200, 4000
_COUNTS = ("success", "error", "ignore")
_LARGEST = 2**63 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class _Wrong(Exception):
    """A message that is none."""


def checked(message: object) -> Message | None:
    """Return what is right in *message*; None when it is no message at all, or a wrong one."""
    if not isinstance(message, dict) or not isinstance(message.get("op"), str):
        return None
    check = _KINDS.get(message["op"])
    try:
        return None if check is None else {"op": message["op"], **check(message)}
    except _Wrong:
        return None


def plain(text: object, longest: int) -> str | None:
    """Return *text* as every database takes it, cut; None for what is no text."""
    if not isinstance(text, str):
        return None
    return _UNSTORABLE.sub("\ufffd", text[:longest])


def _loaded(_: Message) -> Message:
    return {}


def _failed(message: Message) -> Message:
    reason = plain(message.get("reason"), LONGEST_REASON)
    return {"reason": reason or "?", "exceptions": message.get("exceptions")}


def _limit(message: Message) -> Message:
    seconds = message.get("seconds")
    return {"seconds": None if seconds is None else _number(seconds, math.inf)}


def _report(message: Message) -> Message:
    counts = {name: min(_whole(message, name, _LARGEST), MOST) for name in _COUNTS}
    try:
        fraction = _number(message.get("fraction"), 1)
    except _Wrong:
        fraction = None
    return {"fraction": fraction, "text": plain(message.get("text"), LONGEST_TEXT), **counts}


def _ended(message: Message) -> Message:
    return {
        "exit_code": _whole(message, "exit_code", 255),
        "cpu_us": _whole(message, "cpu_us", _LARGEST),
        "peak_bytes": _whole(message, "peak_bytes", _LARGEST),
        "dirty": bool(message.get("dirty", True)),
        "reason": plain(message.get("reason"), LONGEST_REASON),
        "exceptions": message.get("exceptions"),
    }


def _whole(message: Message, name: str, most: int) -> int:
    """Return a whole number from 0; beyond *most* it is that. Raises: _Wrong."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _Wrong
    return min(value, most)


def _number(value: object, most: float) -> float:
    """Return a finite number from 0 to *most*. Raises: _Wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong
    if not 0 <= value <= most or not math.isfinite(value):
        raise _Wrong
    return value


_KINDS: dict[str, Callable[[Message], Message]] = {
    "loaded": _loaded,
    "failed": _failed,
    "limit": _limit,
    "report": _report,
    "ended": _ended,
}
