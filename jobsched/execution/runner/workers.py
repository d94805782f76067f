"""Warm task processes: each has one task loaded and is called run after run, one at a time.

Output is attributed to the run in flight: the worker flushes before it says ``ended``, then its
pipes are drained. A worker is replaced after a stop or a timeout, a crash, a call that left
something behind, MOST_RUNS runs, growth, or when its task's file has changed.
Standard library only: the runner imports this.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from jobsched.execution import processes
from jobsched.execution.protocol import Message, StartRequest
from jobsched.execution.runner import heard, starting
from jobsched.execution.runner.calls import Call
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.control import Control
from jobsched.execution.runner.hosted import RUNNING, Hosted
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop
from jobsched.execution.runner.taskprocess import new_cookie, program_key, start_program

MOST_RUNS = 1000
_MOST_GROWTH = 256 * 2**20  # bytes of peak memory beyond that of its first call
_MOST_IDLE = 8
_LONGEST_IDLE = 300.0
_LEAVING = 5.0  # seconds to leave once the control socket is closed


class Worker:
    """One warm process; *call* is the one it serves now, None while it waits."""

    __slots__ = (
        "call",
        "control",
        "cpu_us",
        "first_peak",
        "idle_since",
        "key",
        "loaded",
        "pid",
        "pipes",
        "served",
        "start_time",
    )

    def __init__(self, key: object) -> None:
        self.key = key
        self.control: Control | None = None
        self.pid = 0
        self.start_time = 0
        self.pipes = [-1, -1]
        self.call: Call | None = None
        self.loaded = False
        self.served = 0
        self.cpu_us = 0
        self.first_peak = 0
        self.idle_since = 0.0

    @property
    def unheard(self) -> bool:
        """Whether it has left without reading the call that it was sent.

        Its first call does not count: loading, which came just before, was the same run's work,
        and may have killed it.
        """
        return self.served > 1 and self.control is not None and self.control.unread

    def fit(self, ended: Message) -> bool:
        """Return whether it may serve another run after what it says about this one."""
        self.first_peak = self.first_peak or ended["peak_bytes"]
        grown = ended["peak_bytes"] - self.first_peak
        return not ended["dirty"] and self.served < MOST_RUNS and grown < _MOST_GROWTH


class Workers:
    """The pool. Calls begin as runs of *lifecycle*, so limits and ends are the same as there."""

    def __init__(
        self,
        loop: Loop,
        children: Children,
        lifecycle: Lifecycle,
        tell: Callable[[Message], None],
    ) -> None:
        self._loop = loop
        self._children = children
        self._lifecycle = lifecycle
        self._tell = tell
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()

    def __bool__(self) -> bool:
        return bool(self._all)

    def start(self, request: StartRequest) -> None:
        """Call *request*'s task in a worker, a waiting one if there is one that fits."""
        run = self._lifecycle.begin(request)
        if run is None:
            return
        try:
            self._serve(self._worker_for(request), run)
        except starting.Refused as refusal:
            self._lifecycle.refuse(run, refusal)

    def _worker_for(self, request: StartRequest) -> Worker:
        key = program_key(request)
        return self._waiting(key) or self._new(key, request)

    def _waiting(self, key: object) -> Worker | None:
        for number in range(len(self._idle) - 1, -1, -1):  # the last one used is the warmest
            if self._idle[number].key == key:
                return self._idle.pop(number)
        return None

    def _new(self, key: object, request: StartRequest) -> Worker:
        worker = Worker(key)
        # Its cookie is its own: it serves many runs.
        own = replace(request, cookie=new_cookie())
        program = start_program(self._children, own)
        worker.pid, worker.pipes = program.pid, program.pipes
        worker.start_time = processes.start_time(worker.pid)
        worker.control = Control(self._loop, program.control, partial(self._hear, worker))
        self._children.on_end(worker.pid, partial(self._gone, worker))
        self._lifecycle.journal_worker(worker.pid, worker.start_time, own.cookie)
        for number in (0, 1):
            self._loop.watch(worker.pipes[number], partial(self._read, worker, number))
        self._all.add(worker)
        worker.control.send({"op": "load", "task": request.task})
        return worker

    def _serve(self, worker: Worker, run: Hosted) -> None:
        run.pipes = worker.pipes
        run.release = partial(self._released, worker)
        worker.call = Call(run, self._loop, self._lifecycle, self._tell)
        worker.served += 1
        if worker.loaded:
            worker.call.called()
            self._send_call(worker)
        else:
            worker.call.loading()
        self._lifecycle.started(run, worker.pid, worker.start_time)

    def _send_call(self, worker: Worker) -> None:
        if worker.call is not None and worker.control is not None:
            worker.control.send({"op": "call", **worker.call.order()})

    # What workers say and do

    def _hear(self, worker: Worker, said: Message) -> None:
        call, message = worker.call, heard.checked(said)
        if message is None or call is None or call.run.state != RUNNING:
            return
        if message["op"] == "ended":
            self._ended(worker, call, message)
            return
        call.hear(message)
        if message["op"] == "loaded":
            worker.loaded = True
            self._send_call(worker)

    def _ended(self, worker: Worker, call: Call, message: Message) -> None:
        run = call.run
        call.over(message, message["reason"])
        run.keeps_main = run.stopped_by is None and worker.fit(message)
        worker.cpu_us += message["cpu_us"]
        if not run.keeps_main and worker.pid in self._children:
            os.kill(worker.pid, signal.SIGKILL)  # our own child, not yet reaped
        status = {name: message[name] for name in ("exit_code", "cpu_us", "peak_bytes")}
        self._lifecycle.main_gone(run, {**status, "signal": None})

    def _read(self, worker: Worker, number: int) -> None:
        if worker.call is not None:
            self._lifecycle.read(worker.call.run, number)
        elif not os.read(worker.pipes[number], 1 << 16):  # words after the end belong to no run
            self._loop.unwatch(worker.pipes[number])
            os.close(worker.pipes[number])
            worker.pipes[number] = -1

    def _gone(self, worker: Worker, status: Message) -> None:
        if worker.control is not None:
            worker.control.drain()  # its last words count
        self._all.discard(worker)
        self._loop.cancel(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.call is None:
            self._close(worker)
            return
        if worker.unheard and self._handed_over(worker, worker.call.run):
            return
        status["cpu_us"] = max(0, status["cpu_us"] - worker.cpu_us)
        worker.call.run.keeps_main = False
        self._lifecycle.main_gone(worker.call.run, status)

    def _handed_over(self, dead: Worker, run: Hosted) -> bool:
        """Let another worker be called for *run*, of which *dead* has never heard."""
        if run.state != RUNNING or run.stopped_by is not None:
            return False
        try:
            other = self._worker_for(run.request)
        except starting.Refused:
            return False  # it was told to have started, and cannot be refused any more
        dead.call = None
        self._close(dead)
        self._serve(other, run)
        return True

    def _released(self, worker: Worker) -> None:
        """Take *worker* back from a run of which nothing is left."""
        keeps = worker.call is not None and worker.call.run.keeps_main
        worker.call = None
        if not keeps or worker not in self._all:
            self._close(worker)
            return
        worker.idle_since = self._loop.now
        self._idle.append(worker)
        if len(self._idle) > _MOST_IDLE:
            self.dismiss(self._idle.pop(0))
        elif len(self._idle) == 1:
            self._loop.at(self._loop.now + _LONGEST_IDLE, self, self._dismiss_old)

    def _dismiss_old(self) -> None:
        while self._idle and self._idle[0].idle_since + _LONGEST_IDLE <= self._loop.now:
            self.dismiss(self._idle.pop(0))
        if self._idle:
            self._loop.at(self._idle[0].idle_since + _LONGEST_IDLE, self, self._dismiss_old)

    def dismiss(self, worker: Worker) -> None:
        """Let *worker*, which waits, leave; kill it if it does not."""
        if worker.control is not None:
            worker.control.close()
        self._loop.at(self._loop.now + _LEAVING, worker, partial(self._kill, worker))

    def dismiss_all(self) -> None:
        """Let all leave that wait."""
        while self._idle:
            self.dismiss(self._idle.pop())

    def _kill(self, worker: Worker) -> None:
        if worker.pid in self._children:
            os.killpg(worker.pid, signal.SIGKILL)

    def _close(self, worker: Worker) -> None:
        if worker.control is not None:
            worker.control.close()
        for number, pipe in enumerate(worker.pipes):
            if pipe >= 0:
                self._loop.unwatch(pipe)
                os.close(pipe)
                worker.pipes[number] = -1
