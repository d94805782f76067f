"""Commands that need no server, or are one: serve and its parts, check, preview."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from jobsched.cli.codes import FAILED, NOT_FOUND, OK, USAGE
from jobsched.cli.commands.base import Commands, command
from jobsched.errors import ConfigurationError, InvalidInput, JobschedError, NotFound

_NOT_INSTALLED = (
    "jobsched: {python} has no package {package}; use the Python of the virtual environment that "
    "./debug.sh makes (.venv/bin/python), or install what requirements.txt names."
)
_OURS = frozenset({"act", "command"})


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command *name*."""
    if name == "preview":
        _add_preview(commands, about)
        return
    example = f"jobsched {name} --conf-dir conf --tasks-dir tasks"
    act = _check if name == "check" else _start
    _server_options(command(commands, name, act, about, example))


def _add_preview(commands: Commands, about: str) -> None:
    example = "jobsched preview '0 9 * * 1-5' --zone Europe/Berlin -n 3"
    parser = command(commands, "preview", _preview, about, example)
    parser.add_argument(
        "trigger", help="a cron expression in quotes, a trigger as a JSON object, or - for stdin"
    )
    parser.add_argument("--zone", metavar="ZONE", help="IANA name of its time zone; default: UTC")
    parser.add_argument(
        "--dialect", choices=("unix", "ncrontab"), help="dialect of the expression; default: unix"
    )
    parser.add_argument("-n", type=int, metavar="N", help="how many moments (10)")
    parser.add_argument("--from", metavar="TIME", help="from when on; default: now")
    parser.add_argument("--json", action="store_true", help="print what the HTTP API answers")
    parser.add_argument(
        "--conf-dir", metavar="DIR", help="configuration with time zone and calendars"
    )


def _server_options(parser: ArgumentParser) -> None:
    folders = parser.add_argument_group("folders")
    folders.add_argument("--conf-dir", metavar="DIR", help="catalog.cfg, jobsched.cfg, logging.cfg")
    folders.add_argument("--tasks-dir", metavar="DIR", help="the Python files of the tasks")
    folders.add_argument("--data-dir", metavar="DIR", help="database, outputs; default: var")
    parser.add_argument("-a", "--host", "--addr", metavar="ADDR", help="address to listen on")
    parser.add_argument("-p", "--port", metavar="PORT", help="port to listen on")
    parser.add_argument("-j", "--jobs", metavar="N", help="how many runs may be alive at once")
    parser.add_argument("--node", metavar="NAME", help="name of this machine")
    parser.add_argument(
        "--keep-runs",
        action="store_const",
        const=True,
        help="let living runs go on when the server stops; the next start adopts them",
    )


def guarded(run: Callable[[dict[str, Any]], int], arguments: Namespace) -> int:
    """Return the exit code of *run*; what is refused is told in words."""
    flags = {name: value for name, value in vars(arguments).items() if name not in _OURS}
    try:
        return run(flags)
    except ConfigurationError as error:
        return _refused([str(mistake) for mistake in error.mistakes], USAGE)
    except JobschedError as error:
        return _refused([error.detail], _code(error))
    except ModuleNotFoundError as error:
        if str(error.name).startswith("jobsched"):
            raise
        print(_NOT_INSTALLED.format(python=sys.executable, package=error.name), file=sys.stderr)
        return FAILED


def _start(arguments: Namespace) -> int:
    return guarded(lambda flags: _serve(arguments.command, flags), arguments)


def _serve(part: str, flags: dict[str, Any]) -> int:
    from jobsched.app import serving

    start = serving.prepare(flags, os.environ)
    return serving.serve(start) if part == "serve" else serving.serve_part(part, start)


def _preview(arguments: Namespace) -> int:
    def run(flags: dict[str, Any]) -> int:
        from jobsched.app import preview

        return preview.run(flags, os.environ)

    return guarded(run, arguments)


def _check(arguments: Namespace) -> int:
    return guarded(_checked, arguments)


def _checked(flags: dict[str, Any]) -> int:
    from jobsched.operations.check import check

    findings = check(flags, os.environ)
    for mistake in findings.mistakes:
        print(mistake, file=sys.stderr)
    for warning in findings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    count = len(findings.mistakes)
    many = "1 mistake." if count == 1 else f"{count} mistakes."
    print(many if count else "The configuration is in order.")
    return USAGE if count else OK


def _refused(lines: list[str], code: int) -> int:
    for line in lines:
        print(f"jobsched: {line}", file=sys.stderr)
    return code


def _code(error: JobschedError) -> int:
    if isinstance(error, NotFound):
        return NOT_FOUND
    return USAGE if isinstance(error, InvalidInput) else FAILED
