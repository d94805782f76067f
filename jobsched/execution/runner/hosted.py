"""One run in the hands of a runner: what was ordered, where it stands, how it ended.

Standard library only: the runner imports this.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jobsched.execution.protocol import Key, Message, StartRequest, pack
from jobsched.execution.regular import open_file
from jobsched.execution.runner.capture import AGE, Capture
from jobsched.execution.runner.joblog import JobLog, LogOrder

RUNNING = "running"
LEAVING = "leaving"  # its end is known, but something of it may still live
RECORDING = "recording"  # nothing of it lives, but the journal does not say so yet
ENDED = "ended"  # nothing of it lives, and the journal says how it ended


class Hosted:
    """A run from its start until the supervisor lets the runner forget it.

    *pid* is the main process (or the worker that serves the run), *start_time* its kernel start
    time; *deadline*, *kill_at*, *lease_until*, *idle_since*, *next_sample* are monotonic seconds,
    None = never.
    """

    __slots__ = (
        "asked",
        "busy_ticks",
        "capture",
        "counts",
        "deadline",
        "deadline_reason",
        "exceptions",
        "facts",
        "idle_since",
        "keeps_main",
        "key",
        "kill_at",
        "lease_until",
        "log",
        "next_sample",
        "note",
        "pid",
        "pipes",
        "reason",
        "release",
        "request",
        "start_time",
        "started",
        "started_us",
        "state",
        "stopped_by",
        "term_at",
    )

    def __init__(self, request: StartRequest, now: float, now_us: int) -> None:
        self.request = request
        self.key: Key = request.key
        self.state = RUNNING
        self.pid = 0
        self.start_time = 0
        self.started = now
        self.started_us = now_us
        self.capture = Capture(request.path, request.cap)
        self.log: JobLog | None = None
        if request.log is not None:
            self.log = JobLog(LogOrder.from_message(request.log))
            self.capture.listener = self.log.output
        self.pipes = [-1, -1]
        self.note: str | None = None  # what the task process itself says about the end
        self.exceptions: list[str] = []  # the classes of what the task raised
        # Set when a worker serves the run: process and pipes outlive it.
        self.keeps_main = False
        self.release: Callable[[], None] | None = None
        self.deadline = now + request.timeout if request.timeout else None
        self.deadline_reason = f"It ran longer than {request.timeout:g} s." if self.deadline else ""
        self.kill_at: float | None = None
        self.term_at: float | None = None
        self.asked = False  # it has had its SIGTERM
        self.lease_until = now + request.lease if request.lease else None
        self.idle_since = now
        self.next_sample: float | None = None
        self.busy_ticks = 0
        self.stopped_by: str | None = None
        self.reason: str | None = None
        self.counts: dict[str, int] = {}
        self.facts: Message = {}

    def limit(self, moment: float | None, reason: str) -> None:
        """Set when it has run for too long; None lifts the limit."""
        self.deadline, self.deadline_reason = moment, reason

    def next_moment(self) -> float | None:
        """Return when something about it is due, monotonic, or None."""
        moments = []
        if self.state == RUNNING:
            if self.capture.in_memory:
                moments.append(self.started + AGE)
            if self.stopped_by is None:
                moments += [one for one in (self.deadline, self.next_sample) if one is not None]
            if self.lease_until is not None:
                moments.append(self.lease_until)
        moments += [one for one in (self.kill_at, self.term_at) if one is not None]
        return min(moments, default=None)

    def write_shutdown_file(self) -> bool:
        """Tell the run by its file that it is to end; return whether it has such a file."""
        path = self.request.shutdown_file
        if path is None:
            return False
        with suppress(OSError):  # signals follow in any case
            os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
            handle = open_file(path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.fchmod(handle, 0o644)  # for a run that is another user's, whatever our umask
                os.write(handle, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode())
            finally:
                os.close(handle)
        return True

    def age(self, now: float) -> None:
        """Let its output go to files if it is no short run."""
        if self.capture.in_memory and now >= self.started + AGE:
            self.capture.to_files()

    def end(self, status: Message, ended_us: int) -> None:
        """Note the facts of its end: *status* has exit_code, signal, cpu_us, peak_bytes."""
        self.state = LEAVING
        self.facts = {**status, "started_us": self.started_us, "ended_us": ended_us}

    def complete(self) -> None:
        """Complete the facts once nothing of it can write any more."""
        capture = self.capture
        capture.finish()
        reasons = [one for one in (self.reason, self.note, capture.failure) if one]
        self.facts.update(
            run=self.key[0],
            claim=self.key[1],
            ended_by=self.stopped_by or "exit",
            reason=" ".join(reasons) or None,
            out_bytes=capture.totals[0],
            err_bytes=capture.totals[1],
            counts=self.counts,
        )
        if self.exceptions:
            self.facts["exceptions"] = self.exceptions

    def ended_message(self) -> Message:
        """Return the ``ended`` message: the facts, with the output if it is small."""
        return {"op": "ended", **self.facts, **self._output()}

    def _output(self) -> Message:
        if not self.capture.in_memory:
            return {"out": None, "err": None, "chunks": None}
        out, err, chunks = self.capture.small()
        return {
            "out": pack(out) if out else None,
            "err": pack(err) if err else None,
            "chunks": chunks,
        }

    def state_message(self) -> Message:
        """Return what ``state`` says about it; one that is leaving counts as running."""
        if self.state == ENDED:
            told: dict[str, Any] = {**self.ended_message(), "state": ENDED, "pid": self.pid}
            del told["op"]
            return told
        return {
            "run": self.key[0],
            "claim": self.key[1],
            "state": RUNNING,
            "pid": self.pid,
            "started_us": self.started_us,
        }

    def present_message(self) -> Message:
        """Return the message that tells where it stands now: ``started`` or ``ended``."""
        if self.state == ENDED:
            return self.ended_message()
        return {"op": "started", **self.state_message()}
