"""The runner's children: made, known, reaped. No zombies, adopted orphans included.

Standard library only: the runner imports this.
"""

import os
import resource
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from jobsched.execution import processes
from jobsched.execution.protocol import Message, StartRequest
from jobsched.execution.runner import limits, starting

_OOM_SCORE = -500  # of the runner: many runs depend on it
OnEnd = Callable[[Message], None]


class Children:
    """Processes that this runner started, each with what to do when it has ended."""

    def __init__(self) -> None:
        self._on_end: dict[int, OnEnd] = {}
        self._accepted: set[int] = set()
        self._expected = 0
        self._untold: deque[tuple[OnEnd, Message]] = deque()
        self._count = processes.ChildCount()
        self._early: dict[int, Message] = {}
        self._stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._raised = _raise_open_files(self._open_files)
        self._oom_score = limits.oom_score()
        self._protected = limits.set_oom_score("self", min(self._oom_score, _OOM_SCORE))

    def __contains__(self, pid: object) -> bool:
        return pid in self._on_end

    def __len__(self) -> int:
        return len(self._on_end)

    def start(
        self, request: StartRequest, outputs: tuple[int, int], control: int | None = None
    ) -> int:
        """Start *request*'s command writing to *outputs*; return its pid. Raises: Refused."""
        extra: Mapping[str, str] = {} if control is None else {"JOBSCHED_CONTROL_FD": "3"}
        descriptors = starting.Descriptors(
            stdin=self._stdin, out=outputs[0], err=outputs[1], control=control
        )
        pid = starting.start(request, descriptors, extra)
        # What is only for the runner itself is taken back from its child.
        if self._raised and "open_files" not in request.limits:
            _give_back(pid, self._open_files)
        if self._protected:
            limits.set_oom_score(pid, self._oom_score)
        return pid

    def on_end(self, pid: int, callback: OnEnd) -> None:
        """Call *callback* with exit_code, signal, cpu_us, peak_bytes once *pid* was reaped."""
        status = self._early.pop(pid, None)
        if status is None:
            self._on_end[pid] = callback
        else:
            callback(status)

    def reap(self) -> bool:
        """Reap every child that has ended; return whether an adopted one was among them.

        Who is to be told is told by :meth:`tell`, when all of them are gone.
        """
        adopted = False
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return adopted
            if pid == 0:
                return adopted
            callback = self._on_end.pop(pid, None)
            if callback is None:
                self._accepted.discard(pid)
                adopted = True
                if self._expected:
                    self._early[pid] = _status(status, usage)
            else:
                self._untold.append((callback, _status(status, usage)))

    def tell(self) -> None:
        """Call back for the children that were reaped; what fails does not stop the next call."""
        while self._untold:
            callback, status = self._untold.popleft()
            callback(status)

    def expect(self, change: int) -> None:
        """Expect so many more (or fewer) children made by others, who may end unannounced."""
        self._expected += change
        if not self._expected:
            self._early.clear()

    def accept(self, pid: int) -> None:
        """Let the adopted *pid* live: it is what a detached run has left."""
        self._accepted.add(pid)

    def strangers(self) -> bool:
        """Return whether others have been adopted; cheap, since it is asked at every end."""
        return len(self._count) > len(self._on_end) + len(self._accepted)


def _status(status: int, usage: resource.struct_rusage) -> Message:
    code = os.waitstatus_to_exitcode(status)
    return {
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "cpu_us": round((usage.ru_utime + usage.ru_stime) * 1_000_000),
        # Never less than the runner's own memory at the spawn: the kernel counts that in.
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def _raise_open_files(allowed: tuple[int, int]) -> bool:
    soft, hard = allowed
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


def _give_back(pid: int, allowed: tuple[int, int]) -> None:
    # It may have ended already, or have become another user.
    with suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
