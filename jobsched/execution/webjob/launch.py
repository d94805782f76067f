"""The program that becomes the script of a web job: copies its folder if need be, then execs.

Started by a runner as ``python -I -S launch.py JSON`` with a control socket. The JSON is a
:class:`Launch`. It tells the runner what the log is to say, that the script begins, or why it
cannot. Nothing of it stays behind. Standard library only.
"""

import os
import sys

if __name__ == "__main__":  # run as a file: find the package it lies in
    sys.path.insert(0, os.path.abspath(__file__).rsplit(os.sep, 4)[0])

import json
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from jobsched.execution.protocol import COOKIE
from jobsched.execution.webjob.copying import CopyFailed, Owner, prepare

SEALED = "+"  # in front of the names of the script's variables: they mean nothing to this program
_CONTROL = "JOBSCHED_CONTROL_FD"
_WORKING_FOLDER = "WEBJOBS_PATH"
_CANNOT = 126  # what a shell says of a command that cannot be executed


class CannotLaunch(Exception):
    """The script cannot be started; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start: *command*, the script's name, *arguments*; where, and as whom.

    *script* is a path from *source* on. *copies* is the folder for temporary copies, None to run
    in place. *run_as* has ``uid``, ``gid``, ``groups`` and the ``name`` of the user.
    """

    command: Sequence[str]
    script: str
    arguments: Sequence[str]
    source: str
    copies: str | None = None
    run_as: Mapping[str, Any] | None = None

    def to_text(self) -> str:
        """Return the JSON that the program is given."""
        return json.dumps(asdict(self), separators=(",", ":"))


class _Runner:
    """The runner at the other end of the control socket."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # the script has no business with it
        self._descriptor = descriptor

    def tell(self, **message: str) -> None:
        """Send *message*; a runner that is gone misses it."""
        with suppress(OSError):
            os.write(self._descriptor, json.dumps(message).encode("ascii") + b"\n")


def launch(order: Launch, runner: _Runner) -> NoReturn:
    """Become the script. Raises: CannotLaunch, CopyFailed."""
    folder = order.source
    if order.copies is not None:
        owner = order.run_as and Owner(uid=order.run_as["uid"], gid=order.run_as["gid"])
        folder = prepare(
            order.source,
            order.copies,
            order.script,
            owner or None,
            lambda text: runner.tell(op="says", text=text),
        )
    script = os.path.join(folder, order.script)
    _become(order.run_as)
    _enter(script, order.run_as)
    runner.tell(op="begins")
    _exec(order, script)


def _become(run_as: Mapping[str, Any] | None) -> None:
    if run_as is None:
        return
    from jobsched.execution.protocol import Identity
    from jobsched.execution.runner import limits

    identity = Identity(uid=run_as["uid"], gid=run_as["gid"], groups=tuple(run_as["groups"]))
    try:
        limits.apply({}, identity)
    except OSError as error:
        raise CannotLaunch(f"It cannot run as {run_as['name']}: {error.strerror}") from error


def _enter(script: str, run_as: Mapping[str, Any] | None) -> None:
    folder = os.path.dirname(script)
    try:
        os.chdir(folder)
        with open(script, "rb"):
            pass
    except OSError as error:
        who = f" by {run_as['name']}, as whom it runs" if run_as else ""
        advice = " (every folder above must let this user in)" if run_as else ""
        raise CannotLaunch(
            f"The script {script} cannot be read{who}: {error.strerror}{advice}."
        ) from error


def _exec(order: Launch, script: str) -> NoReturn:
    folder, name = os.path.split(script)
    first = name if order.command and not name.startswith("-") else f"./{name}"
    argv = [*order.command, first, *order.arguments]
    # Python ignores these, and what is ignored stays so after an exec.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, {**_variables(), _WORKING_FOLDER: folder})
    except OSError as error:
        raise CannotLaunch(f"{argv[0]} could not be started: {error.strerror}") from error


def _variables() -> dict[str, str]:
    """Return the script's variables, and the mark by which all processes of the run are found."""
    unsealed = {
        name.removeprefix(SEALED): value
        for name, value in os.environ.items()
        if name.startswith(SEALED)
    }
    return unsealed | {COOKIE: os.environ[COOKIE]}


def main(arguments: Sequence[str]) -> int:
    """Launch what the one argument says."""
    runner = _Runner(int(os.environ.pop(_CONTROL)))
    try:
        launch(Launch(**json.loads(arguments[0])), runner)
    except (CannotLaunch, CopyFailed) as error:
        sys.stderr.write(f"{error}\n")
        runner.tell(op="failed", reason=str(error))
        return _CANNOT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
