"""The runner's one loop: descriptors, timers and the news that a child has ended.

Standard library only: the runner imports this.
"""

import heapq
import itertools
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Hashable
from contextlib import suppress

Callback = Callable[[], None]
_LONGEST_WAIT = 60.0
_MOST_FAILURES = 100  # in a row, of one descriptor's handler


class Loop:
    """Calls back what was asked for; never in the middle of another callback."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callback] = {}
        self._due: dict[Hashable, tuple[float, Callback]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._signal_pipes: list[int] = []
        self._failures: dict[int, int] = {}
        self._ticket = itertools.count()
        self.now = time.monotonic()  # seconds; read once per turn

    def watch(self, descriptor: int, handler: Callback, events: int = select.EPOLLIN) -> None:
        """Call *handler* whenever *descriptor* is ready for *events*, or closed by its peer."""
        if descriptor in self._handlers:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def unwatch(self, descriptor: int) -> None:
        """Forget *descriptor*; to be called before it is closed."""
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def watch_signal(self, number: int, handler: Callback) -> None:
        """Call *handler* some time after signal *number* has come, once for many."""
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

        self._signal_pipes += [reader, writer]

        def arrived() -> None:
            os.read(reader, 4096)
            handler()

        def note(*_: object) -> None:
            with suppress(BlockingIOError):  # enough of them are in the pipe already
                os.write(writer, b"!")

        signal.signal(number, note)
        self.watch(reader, arrived)

    def at(self, moment: float, name: Hashable, callback: Callback) -> None:
        """Call *callback* at *moment* (monotonic); there is one moment per *name*."""
        self._due[name] = (moment, callback)
        heapq.heappush(self._heap, (moment, next(self._ticket), name))
        if len(self._heap) > 64 + 4 * len(self._due):
            self._heap = [
                (moment, next(self._ticket), name) for name, (moment, _) in self._due.items()
            ]
            heapq.heapify(self._heap)

    def cancel(self, name: Hashable) -> None:
        """Forget the moment of *name*, if it has one."""
        self._due.pop(name, None)

    @property
    def waiting(self) -> int:
        """How much is kept about timers."""
        return len(self._heap)

    def close(self) -> None:
        """Give back what the loop itself holds."""
        self._epoll.close()
        for descriptor in self._signal_pipes:
            os.close(descriptor)

    def turn(self) -> None:
        """Wait for the next event or timer, and call back everything that is due."""
        ready = self._epoll.poll(self._wait())
        self.now = time.monotonic()
        for descriptor, _ in ready:
            handler = self._handlers.get(descriptor)
            if handler is not None:
                self._judge(descriptor, done=self._call(handler))
        self._call_due()

    def _judge(self, descriptor: int, *, done: bool) -> None:
        if done:
            self._failures.pop(descriptor, None)
            return
        self._failures[descriptor] = self._failures.get(descriptor, 0) + 1
        if self._failures[descriptor] >= _MOST_FAILURES:  # else it would fail for ever
            self.unwatch(descriptor)

    def _wait(self) -> float:
        if not self._due:
            return _LONGEST_WAIT
        while self._heap and self._stale(self._heap[0]):
            heapq.heappop(self._heap)
        return min(_LONGEST_WAIT, max(0.0, self._heap[0][0] - time.monotonic()))

    def _call_due(self) -> None:
        while self._heap and self._heap[0][0] <= self.now:
            item = heapq.heappop(self._heap)
            if not self._stale(item):
                self._call(self._due.pop(item[2])[1])

    def _stale(self, item: tuple[float, int, Hashable]) -> bool:
        due = self._due.get(item[2])
        return due is None or due[0] != item[0]

    def _call(self, callback: Callback) -> bool:
        try:
            callback()
        # The process's edge: a mistake about one run must not take down all the others.
        except Exception:
            sys.excepthook(*sys.exc_info())
            return False
        return True
