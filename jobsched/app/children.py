"""A part of the server as its parent has it: forked, with a heartbeat, in a group of its own.

A part dies with its parent (PDEATHSIG), so that a killed parent never leaves the port served.
"""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from jobsched import clock
from jobsched.execution.backoff import Backoff

STALE_AFTER = 15.0  # seconds without a heartbeat
_LONG_LIFE = 10.0  # seconds; who lived so long is restarted at once
_PR_SET_PDEATHSIG = 1
Beat = Callable[[], None]


_BEAT, _STOP = b".", b"!"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A part's line to its parent: signs of life, and the wish that the whole server stops."""

    pipe: int

    def __call__(self) -> None:
        """Give a sign of life."""
        self._write(_BEAT)

    def ask_to_stop(self) -> None:
        """Ask the parent to stop all parts in order."""
        self._write(_STOP)

    def _write(self, word: bytes) -> None:
        # A full pipe means that the parent has not looked for a while: it has enough to read.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self.pipe, word)


Main = Callable[[Heartbeat], int]


@dataclass(slots=True, kw_only=True)
class Child:
    """One part and its present process; *pid* is 0 while there is none."""

    name: str
    main: Main
    pid: int = 0
    heartbeat: int = -1  # our end of the pipe, while there is another
    beaten: bool = False  # whether the present process has ever given a sign
    wants_stop: bool = False  # whether it has asked for the end of the server
    last_beat: float = 0.0
    killed: bool = False  # a killed process may take its time to be gone
    born: float = 0.0
    start_at: float = 0.0
    # Short waits: while a part is away nothing of its kind happens, and trying costs little.
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.1, most=2.0))

    def start(self) -> None:
        """Fork the part's process. Raises: OSError when the machine is short of something."""
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if pid == 0:
            os.close(reading)
            _live(self.main, writing, parent)
        os.close(writing)
        self.pid, self.heartbeat, self.beaten, self.killed = pid, reading, False, False
        self.born = self.last_beat = clock.monotonic()

    def listen(self) -> None:
        """Take the heartbeats that have come; of a process that has gone none will."""
        with contextlib.suppress(BlockingIOError):
            while words := os.read(self.heartbeat, 4096):
                self.beaten = True
                self.wants_stop = self.wants_stop or _STOP in words
                self.last_beat = clock.monotonic()
            self._hang_up()  # or whoever polls is woken again and again until it is reaped

    @property
    def stale(self) -> bool:
        """Whether the process hangs: alive, but without a heartbeat for too long."""
        silent = clock.monotonic() - self.last_beat > STALE_AFTER
        return self.pid > 0 and silent and not self.killed

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the part's own process."""
        if self.pid > 0:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the part and every process of its group, now."""
        if self.pid > 0:
            self.killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def reaped(self) -> int | None:
        """Return the exit code of a process that has ended since (negative: signal), or None."""
        if self.pid <= 0:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self._bury()
        return os.waitstatus_to_exitcode(status)

    def _bury(self) -> None:
        lived = clock.monotonic() - self.born
        if lived > _LONG_LIFE:
            self.backoff.succeeded()
        wait = 0.0 if lived > _LONG_LIFE else self.backoff.failed()
        self.start_at = clock.monotonic() + wait
        self._hang_up()
        self.pid = 0

    def _hang_up(self) -> None:
        if self.heartbeat >= 0:
            os.close(self.heartbeat)
        self.heartbeat = -1


def _live(main: Main, heartbeat: int, parent: int) -> None:
    """Be the part, never to return."""
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with(parent)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        code = main(Heartbeat(heartbeat))
    except BaseException:  # the process's edge: whatever it is, it ends here, told on stderr
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when *parent* dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
