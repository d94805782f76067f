"""The parent of all parts: starts them, restarts what dies or hangs, stops them in order.

SIGTERM or SIGINT, or a part that asks for it, stops web, scheduler and supervisor one after the
other; the supervisor ends its runs first. A second signal hurries: what is left is killed at once.
"""

import contextlib
import gc
import logging
import select
import signal
import socket
from collections.abc import Callable, Sequence

from jobsched import clock
from jobsched.app.children import Child
from jobsched.events import Event, publish

CONFIGURATION = 2  # exit code of a part that, at the start, no restart will cure
_TURN = 0.5
_GRACE = {"web": 10.0, "scheduler": 10.0, "supervisor": 75.0}
_HURRIED = 5.0


class Parent:
    """Watches over *children*, which are stopped in the order given."""

    def __init__(self, children: Sequence[Child], ready: Callable[[], None]) -> None:
        self._children = children
        self._ready: Callable[[], None] | None = ready
        self._signals = 0
        self._code = 0
        self._waker, self._woken = socket.socketpair()

    def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        self._catch_signals()
        gc.collect()
        gc.freeze()  # what is shared with the parts stays shared
        try:
            while not self._signals:
                self._start_missing()
                self._watch()
                self._announce()
            self._stop()
        finally:
            for child in self._children:
                child.kill()
            signal.set_wakeup_fd(-1)
            self._waker.close()
            self._woken.close()
        return self._code

    def _catch_signals(self) -> None:
        for end in (self._waker, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake up

    def _told_to_stop(self, *_: object) -> None:
        self._signals += 1

    def _start_missing(self) -> None:
        for child in self._children:
            if child.pid == 0 and clock.monotonic() >= child.start_at:
                self._start(child)

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            child.start_at = clock.monotonic() + child.backoff.failed()
            _tell("part not started", logging.ERROR, child, reason=str(error))
        else:
            _tell("part started", logging.INFO, child, pid=child.pid)

    def _watch(self) -> None:
        """Wait for heartbeats, deaths and signals; bury the dead and kill the frozen."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        for child in self._children:
            if child.heartbeat >= 0:
                poll.register(child.heartbeat, select.POLLIN)
        poll.poll(_TURN * 1000)
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(64):
                pass
        for child in self._children:
            self._look_after(child)

    def _look_after(self, child: Child) -> None:
        if child.heartbeat >= 0:
            child.listen()
        if child.wants_stop and not self._signals:
            _tell("stop asked for", logging.INFO, child)
            self._signals = 1
        code = child.reaped()
        if code is not None:
            self._died(child, code)
        elif child.stale:
            _tell("part frozen", logging.ERROR, child, pid=child.pid)
            child.kill()

    def _died(self, child: Child, code: int) -> None:
        if self._signals:
            return
        if code == CONFIGURATION and self._ready is not None:
            # Once all have served, it is the machine that has changed: a disk that can only be
            # read, say. That passes, and the parts that live go on meanwhile.
            self._code, self._signals = CONFIGURATION, 1
        _tell("part died", logging.ERROR, child, code=code)

    def _announce(self) -> None:
        if self._ready is not None and all(child.beaten for child in self._children):
            self._ready()
            self._ready = None

    def _stop(self) -> None:
        for child in self._children:
            self._stop_one(child)

    def _stop_one(self, child: Child) -> None:
        """Tell one part to leave, and see to it that it does."""
        until = clock.monotonic() + _GRACE.get(child.name, _HURRIED)
        hurried = False
        child.signal(signal.SIGTERM)
        while child.pid:
            if self._signals > 1 and not hurried:
                hurried = True
                until = min(until, clock.monotonic() + _HURRIED)
                # Another signal than the first, or both might arrive as one.
                child.signal(signal.SIGINT)
            if clock.monotonic() > until:
                child.kill()
            self._watch()
        _tell("part stopped", logging.INFO, child)


def _tell(name: str, level: int, child: Child, **fields: object) -> None:
    publish(Event(name=name, level=level, fields={"part": child.name, **fields}))
