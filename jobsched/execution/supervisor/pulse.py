"""Whether a runner still answers: one that hangs would hold up every run it hosts, for ever.

Each is asked now and then, and has far longer to answer than any work of its own takes. Who it is
says the kernel, for the process that listens at the runner's socket: no pid is taken on trust.
"""

import signal
from dataclasses import dataclass, field

from jobsched import clock
from jobsched.execution import processes
from jobsched.execution.processes import Process

ASK_AFTER = 10.0  # seconds of silence
DOUBTFUL_AFTER = 15.0  # seconds of silence
FROZEN_AFTER = 60.0  # seconds of silence, most of them since it was asked
_COUNTED = 2.0  # seconds at most of one turn: while we slept ourselves nobody could be heard


@dataclass(slots=True)
class Pulse:
    """The signs of life of one runner, *process* once it is known."""

    process: Process | None = None
    silence: float = 0.0
    asked: bool = False
    _at: float = field(default_factory=clock.monotonic)

    def begin(self, pid: int) -> None:
        """Note that a connection has come about, to the process *pid*."""
        self.process = processes.process(pid) if pid > 1 else None
        self.heard()

    def heard(self) -> None:
        """Note that it has said something."""
        self.silence, self.asked, self._at = 0.0, False, clock.monotonic()

    def wants_asking(self) -> bool:
        """Count the time that has passed; return whether it is to be asked now."""
        now = clock.monotonic()
        self.silence += min(now - self._at, _COUNTED)
        self._at = now
        if self.asked or self.silence < ASK_AFTER:
            return False
        self.asked = True
        return True

    @property
    def doubtful(self) -> bool:
        """Whether it should have answered by now: it had better get no more runs."""
        return self.asked and self.silence >= DOUBTFUL_AFTER

    @property
    def frozen(self) -> bool:
        """Whether it has not answered for so long that it never will."""
        return self.asked and self.silence >= FROZEN_AFTER

    def end(self) -> bool:
        """Kill it; return whether it was still there."""
        self.heard()  # it takes a moment to be gone
        return self.process is not None and processes.send(self.process, signal.SIGKILL)
