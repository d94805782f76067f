"""The program that becomes the script of a web job: copies its folder if need be, then execs.

Started by a runner as ``python -I -S program.py WORD...`` (:class:`Launch`) with a control socket,
over which it tells the runner what the log is to say, that the script begins, or why it cannot.
Nothing of it stays behind. Standard library only, and as little of it as can be, for that is done
again at every start.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # ``signal`` takes as long as all of this
import os
import sys

from jobsched.execution.webjob.copying import CopyFailed, prepare

TYPE_CHECKING = False  # importing it would cost as much as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

SEALED = "+"  # in front of the names of the script's variables: they mean nothing to this program
COOKIE = "JOBSCHED_COOKIE"  # as in the protocol, which costs too much to import
_CONTROL = "JOBSCHED_CONTROL_FD"
_WORKING_FOLDER = "WEBJOBS_PATH"
_CANNOT = 126  # what a shell says of a command that cannot be executed


class CannotLaunch(Exception):
    """The script cannot be started; the message says why."""


class Launch:
    """What to start: *command*, the script's name, *arguments*; where, and as whom.

    *script* is a path from *source* on. *copies* is the folder for temporary copies, None to run
    in place. *run_as* has ``uid``, ``gid``, ``groups`` and the ``name`` of the user.
    """

    __slots__ = ("arguments", "command", "copies", "run_as", "script", "source")

    def __init__(
        self,
        *,
        source: str,
        script: str,
        command: Sequence[str],
        arguments: Sequence[str],
        copies: str | None = None,
        run_as: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.script = script
        self.command = command
        self.arguments = arguments
        self.copies = copies
        self.run_as = run_as

    def to_words(self) -> list[str]:
        """Return what the program is given on its command line."""
        identity = ""
        if self.run_as is not None:
            groups = ",".join(map(str, self.run_as["groups"]))
            identity = f"{self.run_as['uid']}:{self.run_as['gid']}:{groups}:{self.run_as['name']}"
        fixed = [self.source, self.script, self.copies or "", identity, str(len(self.command))]
        return [*fixed, *self.command, *self.arguments]

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Launch:
        """Return what *words* say. Raises: ValueError when they are none of ours."""
        source, script, copies, identity, count, *rest = words
        return cls(
            source=source,
            script=script,
            command=rest[: int(count)],
            arguments=rest[int(count) :],
            copies=copies or None,
            run_as=_identity(identity) if identity else None,
        )


def _identity(text: str) -> dict[str, Any]:
    uid, gid, groups, name = text.split(":", 3)
    numbers = [int(number) for number in groups.split(",") if number]
    return {"uid": int(uid), "gid": int(gid), "groups": numbers, "name": name}


class _Runner:
    """The runner at the other end of the control socket."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # the script has no business with it
        self._descriptor = descriptor

    def begins(self) -> None:
        self._tell(b'{"op":"begins"}')

    def says(self, text: str) -> None:
        self._tell(_json({"op": "says", "text": text}))

    def failed(self, reason: str) -> None:
        self._tell(_json({"op": "failed", "reason": reason}))

    def _tell(self, message: bytes) -> None:
        try:
            os.write(self._descriptor, message + b"\n")
        except OSError:  # the runner is gone; its death is told by others
            return


def launch(order: Launch, runner: _Runner) -> NoReturn:
    """Become the script. Raises: CannotLaunch, CopyFailed."""
    folder = order.source
    if order.copies is not None:
        owner = (order.run_as["uid"], order.run_as["gid"]) if order.run_as else None
        folder = prepare(order.source, order.copies, order.script, owner, runner.says)
    script = os.path.join(folder, order.script)
    _become(order.run_as)
    _enter(script, order.run_as)
    runner.begins()
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
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
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


def _json(message: dict[str, str]) -> bytes:
    import json  # rarely needed

    return json.dumps(message).encode("ascii")


def main(words: Sequence[str]) -> int:
    """Launch what *words* say."""
    runner = _Runner(int(os.environ.pop(_CONTROL)))
    try:
        launch(Launch.from_words(words), runner)
    except (CannotLaunch, CopyFailed) as error:
        sys.stderr.write(f"{error}\n")
        runner.failed(str(error))
        return _CANNOT
