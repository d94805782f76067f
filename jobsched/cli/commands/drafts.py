"""What a user says of a job in options, as the body of a request."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jobsched.cli import times
from jobsched.cli.commands import base
from jobsched.client.failures import Misused

_LONGEST = 1_048_576  # bytes of a file, as many as the server takes
_TEXTS = {
    "name": "what you call it; default for a new job: the task's name",
    "cron": "when it runs: a cron expression",
    "timezone": "IANA name of the zone of its times",
    "mode": "triggered: it runs when asked; continuous: it runs all the time",
    "group": "a word to find jobs by",
    "description": "anything you want to note",
    "queue": "in which its runs wait",
    "overlap": "skip, queue or replace: a run that is due while another lives",
}


def options(parser: ArgumentParser) -> None:
    """Add the options that say what a job is."""
    base.params(parser)
    about = "how often it runs: 30s, 5m, 1h30m"
    parser.add_argument("--every", type=_units, metavar="TIME", help=about)
    about = "when it runs, once: a time or a duration from now on (10m)"
    parser.add_argument("--at", type=base.ahead, metavar="TIME", help=about)
    for name, what in _TEXTS.items():
        parser.add_argument(f"--{name}", metavar=name.upper(), help=what)
    about = "a word of yours; may be given several times"
    parser.add_argument("--tag", action="append", metavar="TAG", help=about)
    parser.add_argument(
        "--timeout", type=base.duration, metavar="TIME", help="longest life of a run"
    )
    parser.add_argument("--paused", action="store_const", const=True, help="let it be paused")
    about = "any other field of the HTTP API: JSON, or else text; may be given several times"
    parser.add_argument("--set", action="append", metavar="FIELD=VALUE", help=about)
    about = "the fields as a JSON object, - for stdin; options win over it"
    parser.add_argument("--file", metavar="FILE", help=about)


def body(given: Namespace) -> dict[str, Any]:
    """Return what is said of a job. Raises: Misused."""
    found = {} if given.file is None else _from_file(given.file)
    texts = (*_TEXTS, "timeout", "paused", "at")
    said = {name: getattr(given, name) for name in texts}
    said |= {"interval": given.every, "tags": given.tag, "params": values(given.params) or None}
    found |= {name: value for name, value in said.items() if value is not None}
    return found | dict(_field(text) for text in given.set or ())


def values(texts: Iterable[str]) -> dict[str, Any]:
    """Return parameters: ``NAME=TEXT`` or ``NAME:=JSON``. Raises: Misused."""
    return dict(_parameter(text) for text in texts)


def _parameter(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or name in {"", ":"}:
        raise Misused(f"{text!r} is no parameter; write NAME=TEXT or NAME:=JSON.")
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except ValueError:
        raise Misused(f"What follows := in {text!r} is no JSON.") from None


def _field(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Misused(f"{text!r} says nothing of a field; write --set FIELD=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _from_file(name: str) -> dict[str, Any]:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_LONGEST + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_LONGEST + 1)
        found = json.loads(data)
    except OSError as error:
        raise Misused(f"{name} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Misused(f"What is in {name} is no JSON.") from None
    if len(data) > _LONGEST or not isinstance(found, dict):
        raise Misused(f"What is in {name} is no JSON object of up to {_LONGEST} bytes.")
    return found


def _units(text: str) -> dict[str, float]:
    found: dict[str, float] = base.typed(times.units, text)
    return found
