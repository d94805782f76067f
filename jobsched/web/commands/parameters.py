"""The parameters of each command: what they are called, what they mean, and reading them.

They are read strictly: as UTF-8, separated by ``&`` only, none twice, none that is not known. A
command with a bare ``&`` would otherwise be cut there and run in part.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import request

from jobsched.errors import FieldError, InvalidInput

_FORM = "application/x-www-form-urlencoded"
_MOST = 50
_SHOWN = 50  # characters of what was sent, in messages
_INTEGER = re.compile(r"(-?)0*([0-9]+)", re.ASCII)
_LONGEST = 18  # digits that a number of the database can have


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; *default* is told in the help, None when it may be left out."""

    name: str
    help: str
    required: bool = False
    default: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One command as the help tells it."""

    description: str
    parameters: tuple[Parameter, ...] = ()


_ID = "id of the job"
TOPICS: Mapping[str, Topic] = {
    "submit": Topic(
        description="submit a job",
        parameters=(
            Parameter(name="command", help="bash command string", required=True),
            Parameter(name="name", help="name of the job", default="job"),
            Parameter(name="group", help="name of the job's group", default="default"),
            Parameter(
                name="sync",
                help="1: wait for the job, cancel it on disconnection; 0: return at once",
                default="1",
            ),
            Parameter(name="outlog", help="file that the job's stdout is written to"),
            Parameter(name="errlog", help="file that the job's stderr is written to"),
        ),
    ),
    "jobinfo": Topic(
        description="display job information",
        parameters=(
            Parameter(name="all", help="1: show all jobs, whatever else is asked", default="0"),
            Parameter(name="jobid", help="ids of jobs, separated by commas"),
            Parameter(name="name", help="names of jobs, by commas (also: job)", aliases=("job",)),
            Parameter(name="group", help="names of groups, separated by commas"),
            Parameter(name="status", help="queued, running, success, killed, failed, by commas"),
            Parameter(
                name="fields",
                help="columns to show, separated by commas",
                default="jobid,name,jobgroup,status,returncode,msg,time,command",
            ),
        ),
    ),
    "kill": Topic(
        description="cancel queued or running jobs",
        parameters=(
            Parameter(name="jobid", help="ids of jobs, separated by commas", required=True),
        ),
    ),
    "wait": Topic(
        description="wait for a job to finish",
        parameters=(Parameter(name="jobid", help=_ID, required=True),),
    ),
    "shutdown": Topic(description="shut the server down; unfinished jobs are cancelled"),
    "help": Topic(
        description="display help",
        parameters=(Parameter(name="topic", help="the command to explain"),),
    ),
}


def given(command: str) -> dict[str, str]:
    """Return the parameters of the present request for *command*; empty ones are left out.

    Raises: InvalidInput with everything that is wrong.
    """
    known = {
        alias: parameter.name
        for parameter in TOPICS[command].parameters
        for alias in (parameter.name, *parameter.aliases)
    }
    pairs = [*_pairs()]
    values = {known[name]: value for name, value in pairs if name in known and value}
    wrong = [*_mistakes(command, known, [name for name, _ in pairs])]
    for parameter in TOPICS[command].parameters:
        if parameter.required and parameter.name not in values:
            wrong.append(_wrong(parameter.name, "required", f"{parameter.name} is required."))
    if wrong:
        raise InvalidInput(wrong)
    return values


def words(value: str | None) -> list[str] | None:
    """Return the parts of a list separated by commas, None when it was not given."""
    if value is None:
        return None
    return [part for one in value.split(",") if (part := one.strip())]


def number(value: str) -> int | None:
    """Return the integer that *value* is, None when it is one that no job can have.

    Raises: InvalidInput when it is no integer.
    """
    found = _INTEGER.fullmatch(value.strip())
    if found is None:
        raise InvalidInput.field("jobid", "number", f"cannot convert {short(value)} to integer")
    return int(found[2]) if not found[1] and 1 <= len(found[2]) <= _LONGEST else None


def flag(values: Mapping[str, str], name: str, default: str) -> bool:
    """Return a parameter that is 0 or 1. Raises: InvalidInput."""
    value = values.get(name, default).strip()
    if value not in {"0", "1"}:
        raise InvalidInput.field(name, "choice", f"{name} must be 0 or 1, not {short(value)}.")
    return value == "1"


def short(value: str) -> str:
    """Return what was sent as a message shows it: on one line, and not too long."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in value[:_SHOWN])
    return shown if len(value) <= _SHOWN else f"{shown}... ({len(value)} characters)"


def _pairs() -> Iterator[tuple[str, str]]:
    """Yield names and values of the address and of the form."""
    address = str(request.environ.get("QUERY_STRING", "")).encode("latin-1")
    body = request.get_data(cache=False) if request.method == "POST" else b""
    if body and request.mimetype not in {_FORM, ""}:
        message = f"parameters are sent as a form ({_FORM}), as curl --data does."
        raise InvalidInput.field("Content-Type", "choice", message)
    for raw in (address, body):
        try:
            text = raw.decode("utf-8")
            yield from parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=_MOST
            )
        except UnicodeDecodeError:
            message = "parameters must be UTF-8, urlencoded."
            raise InvalidInput.field("parameters", "characters", message) from None
        except ValueError:
            message = f"there are more than {_MOST} parameters; is an & not sent as %26?"
            raise InvalidInput.field("parameters", "length", message) from None


def _mistakes(command: str, known: Mapping[str, str], names: Iterable[str]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for name in names:
        if name not in known:
            hint = " An & inside a command is sent as %26 (curl --data-urlencode)."
            message = f"{command} has no parameter {short(name)!r}."
            yield _wrong(name, "unknown", message + (hint if command == "submit" else ""))
        elif known[name] in seen:
            yield _wrong(name, "repeated", f"{name} is given twice.")
        else:
            seen.add(known[name])


def _wrong(field: str, rule: str, message: str) -> FieldError:
    return FieldError(field=field, rule=rule, message=message)
