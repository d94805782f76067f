"""``@watchdog()`` and ``@watchdog(seconds)``: a call that takes too long is killed, whole tree.

In a task process of the server the runner does the killing: it is told the limit for as long as
the call lasts. Anywhere else (a shell, a test) the call runs in a forked child, whose output goes
where the caller's goes. Standard library only: task authors import this.
"""

import contextlib
import functools
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Tell = Callable[[float | None], None]

LIVETIME = 60.0  # what JOB_LIVETIME is where no server says so
_TIMED_OUT = 124  # as timeout(1) says it
_LONGEST = 2_000_000.0  # seconds that poll(2) can wait
_PARENT_DEATH_SIGNAL, _SUBREAPER = 1, 36  # of prctl(2)


class WatchdogTimeout(TimeoutError):
    """The call took longer than its limit and was killed (never raised inside the server)."""


class WatchdogFailed(RuntimeError):
    """The call ended with an exception or a signal in its own process; stderr says more."""


def watchdog(
    seconds: float | None = None,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result | None]]:
    """Limit every call of the decorated function to *seconds*, or to JOB_LIVETIME if left out.

    Inside the server the call's result is passed on. Outside, where the call has a process of
    its own, None is returned; WatchdogTimeout or WatchdogFailed say that it did not return.

    Raises: TypeError or ValueError if *seconds* is not a number above 0.
    """
    if seconds is not None:
        _check(seconds)

    def decorate(
        function: Callable[Parameters, Result],
    ) -> Callable[Parameters, Result | None]:
        @functools.wraps(function)
        def watched(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result | None:
            limits = _limits
            if limits is not None and limits.here():
                with limits.held(seconds):
                    return function(*args, **kwargs)
            _run_apart(functools.partial(function, *args, **kwargs), seconds or LIVETIME)
            return None

        return watched

    return decorate


def attach(tell: Tell, livetime: float) -> None:
    """Have limits enforced by *tell*, which takes the seconds from now, or None for no limit.

    Called by the task process before it loads a task; *livetime* is JOB_LIVETIME, 0 = none.
    """
    global _limits  # noqa: PLW0603 - one process runs one task: this is what it was told
    _limits = _Limits(tell, livetime)


class _Limits:
    """The limits that hold now in this process: the earliest deadline rules."""

    def __init__(self, tell: Tell, livetime: float) -> None:
        self._tell = tell
        self._livetime = livetime
        self._deadlines: list[float] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def here(self) -> bool:
        """Return whether this process is the one that the runner watches."""
        return os.getpid() == self._pid

    @contextlib.contextmanager
    def held(self, seconds: float | None) -> Iterator[None]:
        """Tell the runner of *seconds* (None: the livetime) now, and of the outer limit after."""
        limit = self._livetime if seconds is None else seconds
        deadline = time.monotonic() + limit if limit else math.inf
        self._change(self._deadlines.append, deadline)
        try:
            yield
        finally:
            self._change(self._deadlines.remove, deadline)

    def _change(self, change: Callable[[float], None], deadline: float) -> None:
        with self._lock:
            before = min(self._deadlines, default=math.inf)
            change(deadline)
            after = min(self._deadlines, default=math.inf)
            if after != before:
                left = None if after == math.inf else max(0.001, after - time.monotonic())
                self._tell(left)


_limits: _Limits | None = None


def _check(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"write @watchdog() or @watchdog(seconds), not @watchdog({seconds!r})")
    if not 0 < seconds < math.inf:
        raise ValueError(f"a watchdog's limit is more than 0 seconds, not {seconds}")


def _run_apart(call: Callable[[], object], seconds: float) -> None:
    """Run *call* in a child, and kill its whole tree after *seconds*.

    Two processes: the keeper, which inherits every orphan of the tree, and the call's own.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    keeper = os.fork()
    if keeper == 0:
        _keep(call, seconds)
    status = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    if status == _TIMED_OUT:
        raise WatchdogTimeout(f"killed after {seconds:g} seconds")
    if status != 0:
        raise WatchdogFailed(f"ended with status {status}")


def _keep(call: Callable[[], object], seconds: float) -> NoReturn:
    """Live as the keeper: start the call, wait for it, leave nothing of it behind."""
    status = 70
    try:
        _adopt_orphans()
        child = os.fork()
        if child == 0:
            _call(call)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # sent when the caller dies
        try:
            status = _wait(child, seconds)
        finally:
            _kill_descendants()
    finally:
        os._exit(status)


def _call(call: Callable[[], object]) -> NoReturn:
    status = 1
    try:
        os.setsid()
        call()
        status = 0
    except SystemExit as leaving:
        code = leaving.code
        status = code & 255 if isinstance(code, int) else int(code is not None)
    except BaseException:  # the edge of a process: whatever it is, it is told
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _wait(child: int, seconds: float) -> int:
    """Return the exit code of *child*, 128 + the signal that ended it, or _TIMED_OUT."""
    handle = os.pidfd_open(child)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    in_time = bool(poll.poll(min(seconds, _LONGEST) * 1000))
    # Before the child is reaped: until then nobody else can get its number.
    os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time:
        return _TIMED_OUT
    return status if status >= 0 else 128 - status


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; hear of the caller's death."""
    import ctypes  # only here: tasks inside the server start without it

    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGTERM), 0, 0, 0)


def _kill_descendants() -> None:
    """Kill what left the session: orphans become our children, generation after generation."""
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    from pathlib import Path  # only here: tasks inside the server start without it

    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(OSError):
        return [int(word) for word in listed.read_text(encoding="ascii").split()]
    return []
