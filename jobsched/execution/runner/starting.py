"""How a command becomes a process: its own session, clean descriptors, clear refusals.

``posix_spawn`` where nothing special is asked, since it copies no memory; a plain fork with
setup and exec where identity, limits or files for the output are. Both tell "could not start"
(:class:`Refused`) from "ran and returned 127". All of the runner's own descriptors are
close-on-exec.
Standard library only: the runner imports this.
"""

import errno
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobsched.execution.protocol import COOKIE, SHORTAGES, StartRequest
from jobsched.execution.runner import limits, redirecting

_READ = 1 << 12
_MOST = 4000  # bytes of a reason: a pipe takes them at once
# What is ignored stays so after an exec: by Python, by the runner, and by whatever started the
# server (nohup ignores SIGHUP, a shell's & SIGINT and SIGQUIT).
_TO_DEFAULT = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class Refused(Exception):
    """No process was made. *shortage*: our want, worth another try; else the job's fault."""

    def __init__(self, reason: str, *, shortage: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.shortage = shortage


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """What a new process gets as descriptors 0, 1, 2 and, for task workers, 3."""

    stdin: int
    out: int
    err: int
    control: int | None = None

    def pairs(self) -> list[tuple[int, int]]:
        """Return (ours, the number it gets)."""
        numbers = [(self.stdin, 0), (self.out, 1), (self.err, 2)]
        if self.control is not None:
            numbers.append((self.control, 3))
        return numbers


def start(request: StartRequest, descriptors: Descriptors, extra: Mapping[str, str]) -> int:
    """Start *request*'s command in a session of its own and return its pid.

    *extra* is added to its environment, and the cookie. Raises: Refused.
    """
    environment = {**request.env, **extra, COOKIE: request.cookie}
    _enter(request.cwd)
    try:
        argv = _resolved(request.argv, environment)
        if request.limits or request.run_as is not None or request.redirect is not None:
            return _fork(request, argv, environment, descriptors)
        return _spawn(argv, environment, descriptors)
    except OSError as error:
        raise _refusal(request, error) from error
    except ValueError as error:  # a NUL byte, an empty argv, "=" in a variable's name
        raise Refused(f"{_named(request)} could not be started: {error}", shortage=False) from error
    finally:
        os.chdir("/")  # or the runner would keep a file system busy


def pipe() -> tuple[int, int]:
    """Return both ends of a pipe, ours (the reading one) not blocking. Raises: OSError."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    return reader, writer


def _enter(folder: str) -> None:
    # posix_spawn cannot change the folder; this process has one thread, so it may lend its own.
    try:
        os.chdir(folder)
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise Refused(f"the working directory {folder}: {text}", shortage=False) from error


def _resolved(argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    if not argv or not argv[0]:
        raise ValueError("there is no command")
    if "/" in argv[0]:
        return list(argv)
    for folder in environment.get("PATH", os.defpath).split(":"):
        candidate = f"{folder or '.'}/{argv[0]}"
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return [candidate, *argv[1:]]
    raise FileNotFoundError(errno.ENOENT, "not found on PATH", argv[0])


def _spawn(argv: list[str], environment: Mapping[str, str], descriptors: Descriptors) -> int:
    return os.posix_spawn(
        argv[0],
        argv,
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, *pair) for pair in descriptors.pairs()],
        setsid=True,
        setsigdef=_TO_DEFAULT,
        setsigmask=(),
    )


def _fork(
    request: StartRequest,
    argv: list[str],
    environment: Mapping[str, str],
    descriptors: Descriptors,
) -> int:
    if unknown := limits.unknown_limits(request.limits):
        raise ValueError(f"unknown limits: {', '.join(unknown)}")
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
        if pid == 0:
            _become(request, argv, environment, descriptors, writer)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    _raise_what_it_reports(pid, reader)
    return pid


def _become(
    request: StartRequest,
    argv: list[str],
    environment: Mapping[str, str],
    descriptors: Descriptors,
    report: int,
) -> None:
    try:
        os.setsid()
        for number in _TO_DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _arrange(descriptors)
        limits.apply(request.limits, request.run_as)
        redirecting.apply(request.redirect)  # with the rights of the job, hence after that
        os.execve(argv[0], argv, environment)
    except redirecting.Unusable as error:
        os.write(report, b"%d %s" % (error.number, str(error).encode("utf-8", "replace")[:_MOST]))
    except OSError as error:
        os.write(report, b"%d" % (error.errno or errno.EINVAL))
    # Whatever else went wrong: this child must never go on as a second runner.
    finally:
        os._exit(127)


def _arrange(descriptors: Descriptors) -> None:
    # Ours may themselves be 0 to 3: lift them out of the way first.
    lifted = [(os.dup(ours), number) for ours, number in descriptors.pairs()]
    while any(ours <= 3 for ours, _ in lifted):
        lifted = [(os.dup(ours), number) for ours, number in lifted]
    for ours, number in lifted:
        os.dup2(ours, number, inheritable=True)


def _raise_what_it_reports(pid: int, reader: int) -> None:
    try:
        text = os.read(reader, _READ)  # ends when the exec closes the other end
    finally:
        os.close(reader)
    if text:
        os.waitpid(pid, 0)
        number, _, reason = text.decode("utf-8", "replace").partition(" ")
        if reason:
            raise Refused(reason, shortage=int(number) in redirecting.SHORTAGES)
        raise OSError(int(number), os.strerror(int(number)))


def _refusal(request: StartRequest, error: OSError) -> Refused:
    shortage = error.errno in SHORTAGES
    text = error.strerror or str(error)
    return Refused(f"{_named(request)} could not be started: {text}", shortage=shortage)


def _named(request: StartRequest) -> str:
    return request.argv[0] if request.argv else "the command"
