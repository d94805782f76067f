"""How a command is declared: its help with an example, and the options that many have."""

from argparse import (
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    RawDescriptionHelpFormatter,
    _SubParsersAction,
)
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from jobsched.cli import times
from jobsched.client.failures import Misused

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
Act = Callable[[Namespace], int]


def command(
    commands: Commands, name: str, act: Act | None, about: str, example: str
) -> ArgumentParser:
    """Add the command *name*, done by *act*, and return its parser."""
    parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if act is not None:
        parser.set_defaults(act=act)
    return parser


def noun(commands: Commands, name: str, about: str, example: str) -> Commands:
    """Add a command that has verbs, and return what takes these."""
    parser = command(commands, name, None, about, example)
    return parser.add_subparsers(dest="verb", required=True, metavar="VERB")


def server(parser: ArgumentParser, *, url: bool = True) -> ArgumentParser:
    """Add the options that say which server is asked, and how answers are shown."""
    access(parser, url=url)
    parser.add_argument("--json", action="store_true", help="print what the server answers")
    parser.add_argument("--utc", action="store_true", help="show times in UTC, not in local time")
    parser.add_argument("-q", "--quiet", action="store_true", help="no messages but errors")
    return parser


def access(parser: ArgumentParser, *, url: bool = True) -> None:
    """Add the options that say which server is asked."""
    group = parser.add_argument_group("server")
    if url:
        about = "address of the server; default: JOBSCHED_URL or http://127.0.0.1:58631"
        group.add_argument("--url", metavar="URL", help=about)
    about = "file with the token, of mode 0600; default: JOBSCHED_TOKEN, JOBSCHED_TOKEN_FILE or "
    about += "~/.config/jobsched/token"
    group.add_argument("--token-file", metavar="FILE", help=about)
    group.add_argument(
        "--cacert", metavar="FILE", help="certificates to trust instead of the system's"
    )


def limit(parser: ArgumentParser, usual: str = "all") -> None:
    """Add the option that bounds a list."""
    about = f"not more than N; default: {usual}"
    parser.add_argument("--limit", type=_count, metavar="N", help=about)


def job(parser: ArgumentParser) -> None:
    """Add the argument that names a job."""
    parser.add_argument("job", metavar="JOB", help="uuid or name of a job")


def run(parser: ArgumentParser, *, many: bool = False) -> None:
    """Add the argument that names a run, or several."""
    if many:
        parser.add_argument(
            "runs", metavar="RUN", type=run_number, nargs="+", help="numbers of runs"
        )
    else:
        parser.add_argument("run", metavar="RUN", type=run_number, help="number of a run")


def params(parser: ArgumentParser) -> None:
    """Add the arguments that are parameters."""
    about = "parameters: NAME=TEXT, or NAME:=JSON for other values than text"
    parser.add_argument("params", metavar="NAME=VALUE", nargs="*", default=[], help=about)


def waiting(parser: ArgumentParser) -> None:
    """Add the options of what starts a run."""
    about = "wait for the run's end and return its exit code"
    parser.add_argument("--wait", action="store_true", help=about)
    about = "wait, and print what it writes instead of its number"
    parser.add_argument("--follow", action="store_true", help=about)
    at_most(parser, "wait no longer than this, then return 124; the run goes on")


def at_most(parser: ArgumentParser, about: str) -> None:
    """Add the option that bounds a wait."""
    parser.add_argument("--at-most", type=duration, metavar="TIME", help=f"{about} (30s, 5m)")


def pause(parser: ArgumentParser) -> None:
    """Add the options of a pause."""
    about = "when it ends by itself: a time or a duration (2h)"
    parser.add_argument("--until", type=ahead, metavar="TIME", help=about)
    reason(parser)


def reason(parser: ArgumentParser) -> None:
    """Add the option that says why."""
    parser.add_argument("--reason", metavar="TEXT", help="why, for whoever looks later")


def one_of(parser: ArgumentParser, option: str, words: str) -> None:
    """Add an *option* that takes one of *words*."""
    *others, last = words.split()
    parser.add_argument(
        option,
        choices=words.split(),
        metavar=option.lstrip("-").upper(),
        help=f"{', '.join(others)} or {last}",
    )


def run_filters(parser: ArgumentParser) -> None:
    """Add the filters of lists of runs."""
    one_of(parser, "--state", "queued starting running stopping done")
    one_of(parser, "--outcome", "succeeded failed timed_out idle stopped lost not_started")
    parser.add_argument("--job", metavar="JOB", help="of the job with this uuid or name")
    parser.add_argument("--task", metavar="TASK", help="of this task")
    parser.add_argument("--node", metavar="NAME", help="on this machine")
    about = "made at or after: a time, or how long ago (2h)"
    parser.add_argument("--since", type=ago, metavar="TIME", help=about)
    parser.add_argument("--until", type=ago, metavar="TIME", help="made before: likewise")
    parser.add_argument("--q", metavar="TEXT", help="with this text in the name")


def typed(read: Callable[[str], Any], text: str) -> Any:
    """Return what *read* makes of an option's text; argparse tells what is wrong with it."""
    try:
        return read(text)
    except Misused as error:
        raise ArgumentTypeError(error.detail) from None


ahead = partial(typed, partial(times.moment, direction=1))
ago = partial(typed, partial(times.moment, direction=-1))
duration = partial(typed, times.seconds)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def run_number(text: str) -> int:
    """Return the number of a run. Raises: ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ArgumentTypeError(f"{text!r} is no number of a run")
    return int(text)
