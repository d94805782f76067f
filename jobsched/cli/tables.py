"""Aligned text: tables and lists of facts, by the width that characters have in a terminal."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobsched.cli import times

_GAP = "  "
_COLOURS = {
    "succeeded": 32, "active": 32, "running": 32, "ran": 32,
    "failed": 31, "timed_out": 31, "idle": 31, "lost": 31, "blocked": 31, "missed": 31,
    "stopped": 33, "not_started": 33, "paused": 33, "stopping": 33, "skipped": 33, "late": 33,
}  # fmt: skip
# Letters that turn the direction of what follows them.
_TURNING = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How text is shown: times in UTC or local, words of state in colour or not."""

    utc: bool = False
    colour: bool = False


def table(head: Sequence[str], rows: Iterable[Sequence[object]], look: Look) -> Iterable[str]:
    """Yield the lines of a table; numbers stand on the right."""
    texts = [[_cell(value, look) for value in row] for row in rows]
    right = [_is_numeric(column) for column in zip(*texts, strict=True)] or [False] * len(head)
    widths = [max(map(width, column)) for column in zip(head, *texts, strict=True)]
    for line in ([*head], *texts):
        cells = zip(line, widths, right, strict=True)
        coloured = look.colour and line is not head
        yield _GAP.join(_padded(text, w, r, coloured) for text, w, r in cells).rstrip()


def facts(shown: Mapping[str, object], look: Look) -> Iterable[str]:
    """Yield a line for each fact about one thing; what is null is left out."""
    told = [(name, _cell(value, look)) for name, value in shown.items() if value is not None]
    wide = max((width(name) for name, _ in told), default=0)
    for name, text in told:
        yield f"{_padded(name, wide, False, False)}{_GAP}{_coloured(text, text, look.colour)}"


def width(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def plain(text: str) -> str:
    """Return *text* on one line, without anything that steers a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else repr(char)[1:-1] for char in text)


def _cell(value: object, look: Look) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, str):
        return times.shown(value, look.utc) if times.is_instant(value) else plain(value)
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    return plain(json.dumps(value, ensure_ascii=False))


def _is_harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cs"} and char not in _TURNING


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _is_numeric(column: Sequence[str]) -> bool:
    numbers = [text for text in column if text != "-"]
    return bool(numbers) and all(text.rstrip("s").replace(".", "").isdigit() for text in numbers)


def _padded(text: str, wide: int, right: bool, colour: bool) -> str:
    space = " " * (wide - width(text))
    shown = _coloured(text, text, colour)
    return space + shown if right else shown + space


def _coloured(text: str, word: str, colour: bool) -> str:
    code = _COLOURS.get(word) if colour else None
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"
