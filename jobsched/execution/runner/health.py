"""Health checks of runs: a command that must succeed, or a page of this machine that must answer.

A run whose checks have failed so often in a row is stopped. Nothing here waits: a command is a
child like any other, a page is asked for in the runner's loop. Standard library only: the runner
imports this.
"""

import os
import re
import select
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from jobsched.execution.protocol import Message, StartRequest
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.hosted import RUNNING, Hosted
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop
from jobsched.execution.runner.starting import Refused

_STATUS = re.compile(rb"HTTP/\d\.\d ([23]\d\d)\b")
_LONGEST_LINE = 4096


class _Check:
    """The checks of one run; *busy* while one is under way, which is the *number*-th."""

    __slots__ = ("answer", "busy", "connection", "failures", "number", "orders", "pid", "run")

    def __init__(self, run: Hosted, orders: Mapping[str, Any]) -> None:
        self.run = run
        self.orders = orders
        self.busy = False
        self.number = 0
        self.failures = 0
        self.pid = 0
        self.connection: socket.socket | None = None
        self.answer = b""

    @property
    def timer(self) -> tuple[object, str]:
        """The name of its one timer."""
        return (self.run.key, "health")


class Checks:
    """Looks after every run whose order says how its health is checked."""

    def __init__(self, loop: Loop, children: Children, lifecycle: Lifecycle) -> None:
        self._loop = loop
        self._children = children
        self._lifecycle = lifecycle
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    def follow(self, request: StartRequest) -> None:
        """Check the run of *request*, if it has been started and wants that."""
        run = self._lifecycle.runs.get(request.key)
        if run is not None and request.health is not None:
            self._later(_Check(run, request.health))

    def _later(self, check: _Check) -> None:
        moment = self._loop.now + check.orders["interval"]
        self._loop.at(moment, check.timer, partial(self._begin, check))

    def _begin(self, check: _Check) -> None:
        if not _lives(check.run):
            return
        check.busy, check.number = True, check.number + 1
        seconds = check.orders["timeout"]
        self._loop.at(self._loop.now + seconds, check.timer, partial(self._too_long, check))
        try:
            if "command" in check.orders:
                self._run(check)
            else:
                self._connect(check)
        except Refused as refusal:
            self._judge(check, None if refusal.shortage else refusal.reason)
        except OSError:  # a shortage of ours says nothing about the run
            self._judge(check, None)

    def _too_long(self, check: _Check) -> None:
        if check.pid in self._children and check.pid > 1:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(check.pid, signal.SIGKILL)
        self._judge(check, f"there was no answer within {check.orders['timeout']:g} s")

    def _judge(self, check: _Check, failure: str | None) -> None:
        """Count what one check has found; None is good news."""
        check.busy, check.pid = False, 0
        self._hang_up(check)
        if not _lives(check.run):
            self._loop.cancel(check.timer)
            return
        check.failures = 0 if failure is None else check.failures + 1
        if check.failures < check.orders["failures"]:
            self._later(check)
            return
        self._loop.cancel(check.timer)
        times = f"{check.failures} times in a row" if check.failures > 1 else "once"
        reason = f"Its health check failed {times}: {failure}."
        self._lifecycle.stop(check.run, "unhealthy", reason)

    # Commands

    def _run(self, check: _Check) -> None:
        # As the run itself, but with an output that nobody reads.
        request = replace(check.run.request, argv=tuple(check.orders["command"]))
        check.pid = self._children.start(request, (self._null, self._null))
        self._children.on_end(check.pid, partial(self._command_gone, check, check.number))

    def _command_gone(self, check: _Check, number: int, status: Message) -> None:
        if not check.busy or number != check.number:
            return  # it was too late
        code, fatal = status["exit_code"], status["signal"]
        failure = f"it ended by signal {fatal}" if code is None else f"it ended with code {code}"
        self._judge(check, None if code == 0 else failure)

    # Pages

    def _connect(self, check: _Check) -> None:
        host, port = check.orders["host"], check.orders["port"]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        check.connection, check.answer = socket.socket(family, kind), b""
        check.connection.connect_ex((host, port))
        handler = partial(self._send, check, check.connection)
        self._loop.watch(check.connection.fileno(), handler, select.EPOLLOUT)

    def _send(self, check: _Check, connection: socket.socket) -> None:
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._judge(check, os.strerror(error).lower())
            return
        orders = check.orders
        text = f"GET {orders['path']} HTTP/1.0\r\nHost: {orders['name']}\r\n\r\n"
        try:
            connection.send(text.encode("ascii"))
        except OSError as refusal:
            self._judge(check, str(refusal.strerror).lower())
            return
        handler = partial(self._read, check, connection)
        self._loop.watch(connection.fileno(), handler, select.EPOLLIN)

    def _read(self, check: _Check, connection: socket.socket) -> None:
        try:
            data = connection.recv(_LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError as error:
            self._judge(check, str(error.strerror).lower())
            return
        check.answer += data
        if data and b"\n" not in check.answer and len(check.answer) < _LONGEST_LINE:
            return
        line = check.answer.split(b"\r\n")[0][:80].decode("ascii", "replace")
        good = _STATUS.match(check.answer) is not None
        self._judge(check, None if good else f"the answer was {line!r}")

    def _hang_up(self, check: _Check) -> None:
        if check.connection is not None:
            self._loop.unwatch(check.connection.fileno())
            check.connection.close()
            check.connection = None


def _lives(run: Hosted) -> bool:
    return run.state == RUNNING and run.stopped_by is None
