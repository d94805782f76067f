"""``jobsched wrap``: run a command here, now, and record it in the server as a run."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jobsched.cli.codes import OK
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import refused
from jobsched.client.failures import ClientError, Misused

if TYPE_CHECKING:
    from jobsched.client.access import Access

_EXAMPLE = "jobsched wrap --name backup -- /usr/local/bin/backup --all"


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    parser = base.command(commands, name, _act, about, _EXAMPLE)
    parser.usage = "jobsched wrap --name NAME [options] -- COMMAND [ARGUMENT ...]"
    parser.add_argument("--name", metavar="NAME", help="what the run, and by default its job, is")
    about = "of this job that there is already, by uuid or name; default: the one called NAME"
    parser.add_argument("--job", metavar="JOB", help=about)
    about = "end the command after this time (30s, 5m): TERM, ten seconds later KILL"
    parser.add_argument("--timeout", type=base.duration, metavar="TIME", help=about)
    about = "send no copy of what it writes; it gets stdout and stderr as they are"
    parser.add_argument("--no-output", action="store_true", help=about)
    about = "where runs wait that cannot be told; default: ~/.local/state/jobsched/wrap"
    parser.add_argument("--spool", metavar="DIR", help=about)
    about = "run nothing, only tell the server what waits"
    parser.add_argument("--flush", action="store_true", help=about)
    base.access(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="never a word of our own")


def _act(given: Namespace) -> int:
    try:
        spool = _spool(given)
        if given.flush:
            return _flush(given, spool)
        code = _wrap(given, spool)
    except ClientError as error:
        return refused(error)
    sys.stderr.flush()
    # At once: a thread that waits for the server must not hold up who waits for the command.
    os._exit(code)


def _spool(given: Namespace) -> Path:
    from jobsched.execution.wrap import spool

    if given.spool:
        return Path(given.spool)
    try:
        return spool.usual_folder(os.environ)
    except RuntimeError:  # there is no home
        return Path(os.devnull, "no-home")  # the command runs all the same


def _wrap(given: Namespace, spool: Path) -> int:
    from jobsched.execution.wrap.program import Wrapping, run

    name = given.name or given.job
    if not given.words:
        raise Misused("Give the command after --: jobsched wrap --name NAME -- COMMAND ...")
    if not name:
        raise Misused("Give the run a name: --name NAME.")
    return run(
        Wrapping(
            words=given.words,
            name=name,
            job=given.job,
            timeout=given.timeout,
            output=not given.no_output,
            quiet=given.quiet,
            find=lambda: _access(given),
            spool=spool,
        )
    )


def _flush(given: Namespace, spool: Path) -> int:
    from jobsched.execution.wrap.telling import Teller

    if given.words:
        raise Misused("With --flush no command is run.")
    told = Teller(lambda: _access(given)).flush(spool, lambda: True)
    if not given.quiet:
        sys.stderr.write(f"{told} told.\n")
    return OK


def _access(given: Namespace) -> "Access":
    from jobsched.client.access import find

    return find(given.url, given.token_file, given.cacert, os.environ)
