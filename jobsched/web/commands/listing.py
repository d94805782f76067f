"""/jobinfo: which jobs there are, a line each."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from flask import Response, current_app

from jobsched.errors import InvalidInput
from jobsched.model import EndedBy, Role, Run, RunState
from jobsched.operations import Operations
from jobsched.storage.commands import CommandFilter
from jobsched.web.commands.blueprint import TEXT, command
from jobsched.web.commands.parameters import flag, given, number, short, words
from jobsched.web.commands.words import (
    ALIASES,
    CAUSES,
    FIELDS,
    QUEUED,
    RUNNING,
    SHOWN,
    STATES,
    line,
)
from jobsched.web.context import EXTENSION
from jobsched.web.gate import changes_nothing, needs

MOST_IDS = 1000
_AT_ONCE = 500


@command("jobinfo")
@needs(Role.VIEWER)
@changes_nothing
def jobinfo() -> Response:
    """Show jobs: those that are not done, or those that pass the filters."""
    values = given("jobinfo")
    fields = _fields(values)
    filters = CommandFilter() if flag(values, "all", "0") else _filters(values)
    verbs: Operations = current_app.extensions[EXTENSION]
    return Response(_lines(verbs, filters, fields), content_type=TEXT)


def ids(value: str) -> list[tuple[str, int | None]]:
    """Return each number of a list as it was written and as an integer; None: no job has it.

    Raises: InvalidInput with those that are no numbers; when there are none, or too many.
    """
    parts = words(value) or []
    if not 1 <= len(parts) <= MOST_IDS:
        message = f"jobid takes 1 to {MOST_IDS} ids, separated by commas."
        raise InvalidInput.field("jobid", "length", message)
    return [(short(part), number(part)) for part in parts]


def _lines(verbs: Operations, filters: CommandFilter, fields: list[str]) -> Iterator[bytes]:
    yield f"{line(fields)}\n".encode()
    runs = verbs.commands.list(filters)
    while some := [*islice(runs, _AT_ONCE)]:
        reasons = verbs.waiting.reasons(some) if "msg" in fields else {}
        lines = (_line(run, reasons.get(run.id), fields) for run in some)
        yield "".join(lines).encode("utf-8", "replace")


def _line(run: Run, reason: str | None, fields: list[str]) -> str:
    told = replace(run, reason=reason) if reason else run
    return line([FIELDS[field](told) for field in fields]) + "\n"


def _fields(values: Mapping[str, str]) -> list[str]:
    asked = words(values.get("fields")) or list(SHOWN)
    unknown = [field for field in asked if field not in FIELDS]
    if unknown or len(asked) > 100:
        message = f"there is no field {short(unknown[0] if unknown else asked[100])!r}; "
        known = f"there are {', '.join(FIELDS)}."
        raise InvalidInput.field("fields", "unknown", message + known)
    return asked


def _filters(values: Mapping[str, str]) -> CommandFilter:
    if not values.keys() & {"jobid", "name", "group", "status"}:
        return CommandFilter(states=STATES[QUEUED] | STATES[RUNNING])
    states, causes = _statuses(words(values.get("status")))
    numbers = ids(values["jobid"]) if "jobid" in values else None
    return CommandFilter(
        ids=None if numbers is None else frozenset(one for _, one in numbers if one is not None),
        names=_set(words(values.get("name"))),
        groups=_set(words(values.get("group"))),
        states=states,
        ended_by=causes,
    )


def _statuses(
    asked: list[str] | None,
) -> tuple[frozenset[RunState] | None, frozenset[EndedBy] | None]:
    if asked is None:
        return None, None
    meant = [ALIASES.get(word, word) for word in asked]
    unknown = [word for word in meant if word not in STATES and word not in CAUSES]
    if unknown:
        message = f"there is no status {short(unknown[0])!r}; "
        known = f"there are {', '.join([*STATES, *CAUSES])}."
        raise InvalidInput.field("status", "choice", message + known)
    states = [STATES.get(word, frozenset()) for word in meant]
    causes = [CAUSES.get(word, frozenset()) for word in meant]
    return frozenset[RunState]().union(*states), frozenset[EndedBy]().union(*causes)


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)
