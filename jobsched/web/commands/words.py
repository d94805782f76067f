"""What a run is called here: its status, its return code, and the columns of its line.

Sources: spec/seeds.md 1.2 and 3.1. The words are never stored.
"""

import re
from collections.abc import Callable, Mapping

from jobsched.catalog import SHELL
from jobsched.model import EndedBy, Run, RunState

QUEUED, RUNNING, SUCCESS, KILLED, FAILED = "queued", "running", "success", "killed", "failed"
STATES: Mapping[str, frozenset[RunState]] = {
    QUEUED: frozenset({RunState.QUEUED, RunState.STARTING}),
    RUNNING: frozenset({RunState.RUNNING, RunState.STOPPING}),
}
# success means that bash ran to its end, whatever its exit code.
CAUSES: Mapping[str, frozenset[EndedBy]] = {
    SUCCESS: frozenset({EndedBy.EXIT}),
    FAILED: frozenset({EndedBy.NOT_STARTED}),
    KILLED: frozenset({*EndedBy} - {EndedBy.EXIT, EndedBy.NOT_STARTED}),
}
ALIASES: Mapping[str, str] = {"failure": FAILED}  # the original's own spelling
_KILLED_BY = 9
_NOT_RUN = -1
# What ends a line or a column, or makes a terminal show something else than is there.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def status_of(run: Run) -> str:
    """Return the status of a run."""
    if run.ended_by is None:
        return next((word for word, states in STATES.items() if run.state in states), KILLED)
    return next(word for word, causes in CAUSES.items() if run.ended_by in causes)


def return_code(run: Run) -> str:
    """Return its exit code, or minus the signal that ended it; empty before its end.

    -9 for what was cancelled without a process, -1 for what could not be started.
    """
    if run.ended_by is None:
        return ""
    if run.ended_by is EndedBy.NOT_STARTED:
        return str(_NOT_RUN)
    if run.exit_code is not None:
        return str(run.exit_code)
    return str(-(run.signal or _KILLED_BY))


def _param(name: str) -> Callable[[Run], str]:
    def value(run: Run) -> str:
        found = run.params.get(name) if run.task == SHELL else None
        return "" if found is None else str(found)

    return value


def _command(run: Run) -> str:
    return _param("command")(run) if run.task == SHELL else run.task


FIELDS: Mapping[str, Callable[[Run], str]] = {
    "jobid": lambda run: str(run.id),
    "name": lambda run: run.name,
    "jobgroup": _param("group"),
    "status": status_of,
    "returncode": return_code,
    "msg": lambda run: run.reason or "",
    "time": lambda run: run.created_at.strftime("%Y-%m-%d %H:%M:%S"),
    "command": _command,
    "sync": _param("sync"),
    "outlog": _param("outlog"),
    "errlog": _param("errlog"),
}
SHOWN = ("jobid", "name", "jobgroup", "status", "returncode", "msg", "time", "command")


def line(values: list[str]) -> str:
    """Return the columns as one line, whatever is in them."""
    return "\t".join(map(_escaped, values))


def _escaped(value: str) -> str:
    """Return *value* without what would break a line or a column."""
    return _HIDDEN.sub(lambda found: _ESCAPES.get(found[0]) or _by_number(found[0]), value)


def _by_number(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
