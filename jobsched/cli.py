"""The command line: ``python -m jobsched [COMMAND] ...``, commands as in COMMANDS.

Leaving out the command means ``serve``. Exit codes: 0 ok, 1 failed, 2 wrong usage or
configuration, 3 not found.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from jobsched import __version__
from jobsched.errors import ConfigurationError, InvalidInput, JobschedError, NotFound

COMMANDS = ("serve", "web", "scheduler", "supervisor", "check", "preview", "token")
OK, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3
_NOT_INSTALLED = (
    "jobsched: {python} has no package {package}; use the Python of the virtual environment that "
    "./debug.sh makes (.venv/bin/python), or install what requirements.txt names."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: this process's) and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = vars(_parser().parse_args(_with_command(given)))
    command = arguments.pop("command")
    try:
        return _run(command, arguments)
    except ConfigurationError as error:
        for mistake in error.mistakes:
            print(f"jobsched: {mistake}", file=sys.stderr)
        return USAGE
    except JobschedError as error:
        print(f"jobsched: {error.detail}", file=sys.stderr)
        return _code(error)
    except ModuleNotFoundError as error:
        if str(error.name).startswith(__package__):
            raise
        print(_NOT_INSTALLED.format(python=sys.executable, package=error.name), file=sys.stderr)
        return FAILED


def _with_command(given: list[str]) -> list[str]:
    """Put ``serve`` before arguments that begin with an option, except those about ourselves."""
    if given and (given[0] in COMMANDS or given[0] in {"-h", "--help", "--version"}):
        return given
    if given and not given[0].startswith("-"):
        return given  # the parser names the unknown command
    return ["serve", *given]


def _run(command: str, arguments: dict[str, object]) -> int:
    if command == "check":
        return _check(arguments)
    if command == "token":
        from jobsched.app import tokens

        return tokens.run(arguments, os.environ)
    if command == "preview":
        from jobsched.app import preview

        return preview.run(arguments, os.environ)
    from jobsched.app import serving

    start = serving.prepare(arguments, os.environ)
    return serving.serve(start) if command == "serve" else serving.serve_part(command, start)


def _check(flags: Mapping[str, object]) -> int:
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


def _code(error: JobschedError) -> int:
    if isinstance(error, NotFound):
        return NOT_FOUND
    return USAGE if isinstance(error, InvalidInput) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jobsched",
        description="cron with an HTTP API.",
        epilog="COMMAND may be left out: serve. Its options: jobsched serve --help",
    )
    parser.add_argument("--version", action="version", version=f"jobsched {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="start everything (what no command means)")
    _server_options(serve)
    for name, what in _PARTS.items():
        _server_options(commands.add_parser(name, help=what))
    _server_options(commands.add_parser("check", help="name every mistake in the configuration"))
    _preview_options(commands.add_parser("preview", help="show what a schedule will do"))
    _token_commands(commands.add_parser("token", help="manage tokens"))
    return parser


_PARTS = {
    "web": "start only the HTTP interface",
    "scheduler": "start only what makes runs when they are due",
    "supervisor": "start only what executes runs on this machine",
}


def _server_options(parser: argparse.ArgumentParser) -> None:
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


def _preview_options(parser: argparse.ArgumentParser) -> None:
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


def _token_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a token and print it, this once")
    create.add_argument("--role", required=True, help="viewer, operator or admin")
    create.add_argument("--name", required=True, help="whom it is for")
    create.add_argument("--expires", metavar="TIME", help="how long it is valid: 12h, 30d")
    listing = verbs.add_parser("list", help="list all tokens")
    revoke = verbs.add_parser("revoke", help="make a token invalid")
    revoke.add_argument("id", type=int, help="its number, as in the list")
    for verb in (create, listing, revoke):
        verb.add_argument("--data-dir", metavar="DIR", help="the data folder of the server")
        verb.add_argument("--conf-dir", metavar="DIR", help="the configuration of the server")
