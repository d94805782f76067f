"""A fresh process for every run, forked out of a small one that has the interpreter loaded.

Standard library only: the runner imports this.
"""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from jobsched.execution import processes
from jobsched.execution.protocol import SHORTAGES, Key, Message, StartRequest, encode
from jobsched.execution.runner import heard, starting
from jobsched.execution.runner.calls import Call
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.control import Control
from jobsched.execution.runner.hosted import Hosted
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop
from jobsched.execution.runner.taskprocess import new_cookie, start_program

_LEAVING = 5.0  # seconds to leave once the control socket is closed


class _Zygote:
    """One process that only forks; *waiting* are the runs whose fork it has not confirmed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.control: Control | None = None
        self.pipes: list[int] = []
        self.waiting: dict[Key, tuple[Call, socket.socket]] = {}


class Zygotes:
    """Starts runs by fork; one zygote for each identity and set of limits."""

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
        self._zygotes: dict[object, _Zygote] = {}
        self._leaving: set[_Zygote] = set()

    def __bool__(self) -> bool:
        return bool(self._zygotes or self._leaving)

    def start(self, request: StartRequest) -> None:
        """Fork a process for *request*, which loads its task, is called once and ends."""
        run = self._lifecycle.begin(request)
        if run is None:
            return
        try:
            zygote = self._zygote_for(request)
            self._order(zygote, run)
        except starting.Refused as refusal:
            self._lifecycle.refuse(run, refusal)
        except OSError as error:
            shortage = error.errno in SHORTAGES
            reason = f"no pipes: {error.strerror}"
            self._lifecycle.refuse(run, starting.Refused(reason, shortage=shortage))

    def _zygote_for(self, request: StartRequest) -> _Zygote:
        key = (tuple(request.argv), request.run_as, encode(request.limits))
        if key not in self._zygotes:
            self._zygotes[key] = self._new(key, replace(request, cookie=new_cookie(), cwd="/"))
        return self._zygotes[key]

    def _new(self, key: object, request: StartRequest) -> _Zygote:
        program = start_program(self._children, request)
        zygote = _Zygote(program.pid)
        zygote.pipes = program.pipes
        zygote.control = Control(self._loop, program.control, partial(self._hear, zygote))
        self._children.on_end(program.pid, partial(self._gone, key, zygote))
        for number in (0, 1):
            self._loop.watch(zygote.pipes[number], partial(self._pass_on, zygote, number))
        start_time = processes.start_time(program.pid)
        self._lifecycle.journal_worker(program.pid, start_time, request.cookie)
        return zygote

    def _pass_on(self, zygote: _Zygote, number: int) -> None:
        """Let the zygote's own words, which belong to no run, stand in the runner's error log."""
        data = os.read(zygote.pipes[number], 1 << 16)
        if data:
            os.write(2, data)
        else:
            self._close_pipe(zygote, number)

    def _close_pipe(self, zygote: _Zygote, number: int) -> None:
        pipe = zygote.pipes[number]
        if pipe >= 0:
            self._loop.unwatch(pipe)
            os.close(pipe)
            zygote.pipes[number] = -1

    def _order(self, zygote: _Zygote, run: Hosted) -> None:
        assert zygote.control is not None  # noqa: S101 - set where it is made
        call = Call(run, self._loop, self._lifecycle, self._tell)
        with ExitStack() as opened:
            writers = []
            for number in (0, 1):
                run.pipes[number], writer = starting.pipe()
                opened.callback(os.close, writer)
                writers.append(writer)
            mine, its = socket.socketpair()
            opened.pop_all()
        zygote.waiting[run.key] = (call, mine)
        self._children.expect(1)
        message = {"op": "fork", "task": run.request.task, **call.order()}
        zygote.control.send(message, [*writers, its.detach()])

    # What the zygote says

    def _hear(self, zygote: _Zygote, message: Message) -> None:
        call, control = zygote.waiting.pop((message["run"], message["claim"]))
        if message["op"] == "forked":
            self._forked(call, control, message["pid"])
        else:
            control.close()
            self._lifecycle.refuse(call.run, starting.Refused(message["reason"], shortage=True))
        self._children.expect(-1)

    def _forked(self, call: Call, end: socket.socket, pid: int) -> None:
        run = call.run
        call.loading()
        self._lifecycle.started(run, pid, processes.start_time(pid))
        control = Control(self._loop, end, partial(self._hear_child, call))
        self._children.on_end(pid, partial(self._child_gone, call, control))

    def _hear_child(self, call: Call, said: Message) -> None:
        message = heard.checked(said)
        if message is None:
            return
        if message["op"] == "ended":
            call.over(message, message["reason"])
        else:
            call.hear(message)

    def _child_gone(self, call: Call, control: Control, status: Message) -> None:
        control.drain()  # its last words count
        control.close()
        self._lifecycle.main_gone(call.run, status)

    def _gone(self, key: object, zygote: _Zygote, status: Message) -> None:
        if zygote.control is not None:
            zygote.control.drain()
            zygote.control.close()
        if self._zygotes.get(key) is zygote:
            del self._zygotes[key]
        self._leaving.discard(zygote)
        self._loop.cancel(zygote)
        for number in (0, 1):
            self._close_pipe(zygote, number)
        for call, control in zygote.waiting.values():
            control.close()
            reason = f"the zygote ended: {status}"
            self._lifecycle.refuse(call.run, starting.Refused(reason, shortage=True))
            self._children.expect(-1)
        zygote.waiting.clear()

    def dismiss_all(self) -> None:
        """Let them leave; kill those that do not."""
        for zygote in self._zygotes.values():
            self._leaving.add(zygote)
            if zygote.control is not None:
                zygote.control.close()
            self._loop.at(self._loop.now + _LEAVING, zygote, partial(self._kill, zygote))
        self._zygotes.clear()

    def _kill(self, zygote: _Zygote) -> None:
        if zygote.pid in self._children:
            os.killpg(zygote.pid, signal.SIGKILL)
