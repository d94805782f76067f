"""Whether calendars are still the same: a short mark of what is in them."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from hashlib import sha256

from jobsched.calendars.base import Calendar


def mark_of(calendars: Iterable[Calendar]) -> str:
    """Return 16 letters that are the same for the same contents, in every process.

    What cannot be told has another mark each time, which costs whoever compares them a look.
    """
    return sha256(_spelt(tuple(calendars)).encode()).hexdigest()[:16]


def _spelt(value: object) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        parts = [_spelt(getattr(value, each.name)) for each in fields(value) if each.compare]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, Set):
        return f"{{{', '.join(sorted(map(_spelt, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(map(_spelt, value.items())))}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_spelt, value))})"
    return repr(value)
