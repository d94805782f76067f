"""The command itself: started with what we were given, waited for, signals passed on."""

import errno
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

_PASSED_ON = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
_WAITED_FOR = _PASSED_ON | {signal.SIGCHLD}
# What Python has set to be ignored, and would leave so in the command.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
_FROM_KERNEL = 0x80  # SI_KERNEL: of a terminal's keys, which the command has had itself
_GRACE = 10.0  # seconds between TERM and KILL when the time is up
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells say it


class Unstartable(Exception):
    """The command cannot be started; *code* is the exit code that says so."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name}: {error.strerror}")
        missing = error.errno in {errno.ENOENT, errno.ENOTDIR}
        self.code = NOT_FOUND if missing else NOT_EXECUTABLE


class Signals:
    """Signals as the command shall find them; here they are held back until they are waited for."""

    def __init__(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # were it ignored, no exit code would be left
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)


class Command:
    """The running command. Raises: Unstartable.

    *streams* are the descriptors that it gets in place of ours, by the number it knows them by.
    """

    def __init__(self, words: Sequence[str], streams: Mapping[int, int], signals: Signals) -> None:
        self.stopped = False  # by somebody's wish, told to the server
        self.timed_out = False
        environ = _environment()
        try:
            self._pid = _spawn(words, streams, signals, environ)
        except OSError as error:
            raise Unstartable(words[0], error) from None
        self._handle = os.pidfd_open(self._pid)

    def wait(self, timeout: float | None) -> int:
        """Return the status (as of waitpid) with which it ends; after *timeout* it is ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return status
            if deadline is not None and time.monotonic() >= deadline:
                self._send(signal.SIGKILL if self.timed_out else signal.SIGTERM)
                deadline = None if self.timed_out else time.monotonic() + _GRACE
                self.timed_out = True
            self._pass_on(deadline)

    def wish(self, what: str) -> None:
        """Do what somebody asks of the server: ``stop`` or ``kill``; called by any thread."""
        self.stopped = True
        self._send(signal.SIGKILL if what == "kill" else signal.SIGTERM)

    def _pass_on(self, deadline: float | None) -> None:
        """Wait for one signal and, unless it is about the command, let the command have it."""
        if deadline is None:
            found = signal.sigwaitinfo(_WAITED_FOR)
        else:
            left = max(0.0, deadline - time.monotonic())
            timely = signal.sigtimedwait(_WAITED_FOR, left)
            if timely is None:
                return
            found = timely
        if found.si_signo in _PASSED_ON and found.si_code != _FROM_KERNEL:
            self._send(found.si_signo)

    def _send(self, number: int) -> None:
        # The handle means this process and no other, also when its number is used again.
        with suppress(ProcessLookupError, PermissionError):  # it has ended, or is another user's
            signal.pidfd_send_signal(self._handle, number)


def _spawn(
    words: Sequence[str], streams: Mapping[int, int], signals: Signals, environ: Mapping[str, str]
) -> int:
    actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in streams.items()]

    def spawn(file: str, argv: Sequence[str]) -> int:
        return os.posix_spawnp(
            file,
            tuple(argv),
            environ,
            file_actions=actions,
            setsigmask=signals.mask,
            setsigdef=_RESTORED,
        )

    try:
        return spawn(words[0], words)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # A script that does not say what runs it: as a shell would.
    script = shutil.which(words[0]) or words[0]
    return spawn("/bin/sh", ["/bin/sh", script, *words[1:]])


def _environment() -> dict[str, str]:
    """Return our environment without what Python adds to it under the locale C."""
    environ = dict(os.environ)
    with suppress(OSError):
        with open("/proc/self/environ", "rb") as file:
            given = file.read().split(b"\0")
        if not any(each.startswith(b"LC_CTYPE=") for each in given):
            environ.pop("LC_CTYPE", None)
    return environ
