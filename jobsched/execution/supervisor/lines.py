"""The report of a run, read line by line so that nothing in it can harm.

A job may put anything in its place: it is opened only if it is a regular file, and read in
bounded portions, up to LONGEST bytes. Each line is a JSON object with ``status`` (``error``,
``success``, ``ignore``), ``message``, ``data``, ``count``, ``code``, ``retry_id``; what is no
such line is counted, and the first of them named.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jobsched.execution import regular
from jobsched.execution.task.reporting import LONGEST_CODE, LONGEST_LINE, LONGEST_MESSAGE
from jobsched.storage.records import text_of

LONGEST = 2**30  # bytes of one report
MOST_COUNT = 2**31 - 1
DEEPEST = 32  # objects and lists within each other: more cannot be shown
_BLOCK = 1 << 16
_SURROGATES = re.compile("[\ud800-\udfff]")
_STATUSES = frozenset({"error", "success", "ignore"})


def _no_number(text: str) -> float:
    raise ValueError(text)


# Made once: json.loads and json.dumps with options make a new one for every line.
_DECODER = json.JSONDecoder(parse_constant=_no_number)


class BadLine(ValueError):
    """A line that is no entry of a report; the message says why, to stand after "line 3"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. *data* is JSON text, None for null; *told* has been counted by the process."""

    status: str
    message: str = ""
    data: str | None = None
    count: int = 1
    code: str | None = None
    retry_id: int | None = None
    told: bool = False


class ReportLines:
    """The lines of the report at *path*, from its start to its end as it is now.

    Raises: OSError when there is none, or something that is no file.
    """

    def __init__(self, path: str) -> None:
        self._file = regular.open_file(path, os.O_RDONLY)
        size = os.fstat(self._file).st_size
        self.cut = size > LONGEST
        self._left = min(size, LONGEST)
        self._rest = b""
        self._skipping = False  # within a line that is too long

    def portion(self) -> Iterator[bytes | None]:
        """Yield the lines of the next block; None for one that is too long."""
        block = os.read(self._file, min(_BLOCK, self._left)) if self._left else b""
        self._left = self._left - len(block) if block else 0
        *whole, self._rest = (self._rest + block).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif line.strip():
                yield line if len(line) < LONGEST_LINE else None
        if self._skipping or len(self._rest) >= LONGEST_LINE:
            if not self._skipping:
                yield None
            self._skipping, self._rest = True, b""
        if not self._left and not self._skipping and self._rest.strip():
            yield self._rest
        if not self._left:
            self._rest = b""

    @property
    def over(self) -> bool:
        """Whether everything has been read."""
        return not self._left

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def entry_of(line: bytes | None) -> Entry:
    """Return what a *line* says. Raises: BadLine."""
    if line is None:
        raise BadLine(f"is longer than {LONGEST_LINE} bytes")
    said = _object(line)
    status = said.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise BadLine('has no "status" of error, success or ignore')
    count = _number(said, "count")
    if status == "error" and count not in {None, 1}:
        raise BadLine('is an error with a "count": each is a line of its own')
    return Entry(
        status=status,
        message=_text(said.get("message"), LONGEST_MESSAGE) or "",
        data=_data(said.get("data"), line),
        count=1 if count is None else min(count, MOST_COUNT),
        code=_text(said.get("code"), LONGEST_CODE),
        retry_id=_number(said, "retry_id"),
        told=bool(said.get("told")),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        said = _DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadLine("is not JSON") from None
    if not isinstance(said, dict):
        raise BadLine("is no JSON object")
    return said


def _number(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise BadLine(f'has a "{name}" that is no whole number')
    return value


def _text(value: object, longest: int) -> str | None:
    """Return any *value* as text that every database takes."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return _SURROGATES.sub("�", text[:longest].replace("\0", "�"))


def _data(value: object, line: bytes) -> str | None:
    if line.count(b"[") + line.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
        raise BadLine(f"is nested more than {DEEPEST} levels deep")
    try:
        return text_of(value)
    except (ValueError, RecursionError):  # a number beyond all bounds
        raise BadLine("has a number beyond all bounds") from None


def _depth(value: object) -> int:
    """Return how many objects and lists stand within each other."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in _inside(one)]
    return depth


def _inside(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value
