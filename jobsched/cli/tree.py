"""All commands in one tree, and reading a command line with it.

Only the module of the command that is given is imported: a command line must start fast.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Collection
from importlib import import_module

from jobsched import __version__

# Of each command: the module that adds it, and what it is for; in the order of the help.
COMMANDS = {
    "serve": ("local", "start everything (what no command means)"),
    "web": ("local", "start only the HTTP interface"),
    "scheduler": ("local", "start only what makes runs when they are due"),
    "supervisor": ("local", "start only what executes runs on this machine"),
    "check": ("local", "name every mistake in the configuration"),
    "catalog": ("commands.catalog", "list the tasks that may run, or show one"),
    "jobs": ("commands.jobs", "look at jobs and change them"),
    "runs": ("commands.runs", "look at runs, stop and repeat them"),
    "run": ("commands.run", "run a job or a task now"),
    "submit": ("commands.run", "run a task or a shell command once, without a job"),
    "services": ("commands.services", "look at continuous jobs, start and stop them"),
    "upload": ("commands.upload", "make a web job of a folder, a zip file or a script"),
    "preview": ("local", "show what a schedule will do"),
    "upcoming": ("commands.upcoming", "list what all jobs will do, the earliest first"),
    "status": ("commands.status", "show how the server is"),
    "token": ("commands.tokens", "manage tokens"),
    "record": ("records", "say, in the script of a run, which records failed"),
    "wrap": ("wrap", "run a command here, now, and record it in the server"),
    "completion": ("completion", "print what lets a shell complete commands and options"),
}
_ABOUT_US = frozenset({"-h", "--help", "--version"})
_END = "--"  # what follows is a command
_WITH_WORDS = frozenset({"submit", "wrap"})


def parser(wanted: Collection[str] = frozenset(COMMANDS)) -> ArgumentParser:
    """Return the parser of command lines; only the *wanted* commands are known in full."""
    made = ArgumentParser(
        prog="jobsched",
        description="cron with an HTTP API.",
        epilog="COMMAND may be left out: serve. Its options: jobsched serve --help",
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"jobsched {__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        if name in wanted:
            import_module(f"jobsched.cli.{module}").add(commands, name, about)
        else:
            commands.add_parser(name, help=about)
    return made


def read(given: list[str]) -> Namespace:
    """Return what a command line says; ``act`` does it. Wrong usage ends the program with 2."""
    words = None
    if given[:1] and given[0] in _WITH_WORDS and _END in given:
        end = given.index(_END)
        given, words = given[:end], given[end + 1 :]
    asked, given = given, _with_command(given)
    made = parser(given[:1])
    arguments, rest = made.parse_known_args(given)
    # Parameters may stand behind options, too, where argparse does not look for them.
    if rest and hasattr(arguments, "params") and all(map(_is_parameter, rest)):
        arguments.params, rest = [*arguments.params, *rest], []
    if rest and (command := _behind(asked)) is not None:
        made.error(f"options stand behind their command: jobsched {command} OPTIONS")
    if rest:
        way = " ".join(filter(None, [arguments.command, getattr(arguments, "verb", None)]))
        made.error(f"{way} does not know {' '.join(rest)}; see jobsched {way} --help")
    if arguments.command in _WITH_WORDS:
        arguments.words = words
    return arguments


def _with_command(given: list[str]) -> list[str]:
    """Put ``serve`` before arguments that begin with an option, except those about ourselves."""
    if given and (given[0] in _ABOUT_US or not given[0].startswith("-")):
        return given  # of an unknown command the parser speaks
    return ["serve", *given]


def _behind(given: list[str]) -> str | None:
    """Return the command that stands behind options, if there is one."""
    if not given or not given[0].startswith("-"):
        return None
    return next((word for word in given if word in COMMANDS), None)


def _is_parameter(word: str) -> bool:
    return not word.startswith("-") and "=" in word
