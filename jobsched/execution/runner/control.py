"""The runner's end of the control socket of a task process: JSON lines, never blocking.

Standard library only: the runner imports this.
"""

import os
import select
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsched.execution.protocol import Lines, Message, encode
from jobsched.execution.runner.loop import Loop

_READ = 1 << 16


class Control:
    """Sends messages (with descriptors) and calls *hear* with each that comes.

    *unread* is whether the peer has left without having read all that was sent: the kernel says
    so, to the sender (EPIPE) or, when it was taken into the peer's buffer, to the reader
    (ECONNRESET).
    """

    def __init__(self, loop: Loop, end: socket.socket, hear: Callable[[Message], None]) -> None:
        self._loop = loop
        self._socket = end
        self._hear = hear
        self._lines = Lines()
        self._queue: deque[tuple[bytes, Sequence[int]]] = deque()
        self._waiting = False
        self.unread = False
        end.setblocking(False)
        loop.watch(end.fileno(), self._ready)

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send *message* as soon as the peer takes it; *descriptors* are closed here then."""
        self._queue.append((encode(message), descriptors))
        if len(self._queue) == 1:
            self._send_queue()

    def _send_queue(self) -> None:
        while self._queue and self._send_one(*self._queue[0]):
            self._queue.popleft()
        if not self.closed and self._waiting != bool(self._queue):
            self._waiting = bool(self._queue)
            events = select.EPOLLIN | (select.EPOLLOUT if self._waiting else 0)
            self._loop.watch(self._socket.fileno(), self._ready, events)

    def _send_one(self, data: bytes, descriptors: Sequence[int]) -> bool:
        try:
            sent = socket.send_fds(self._socket, [data], descriptors)
        except BlockingIOError:
            return False
        except OSError:
            self.unread = True
            sent = len(data)  # it is dying; whoever waits for it hears that
        _close_all(descriptors)
        self._queue[0] = (data[sent:], ())
        return sent == len(data)

    def _ready(self) -> None:
        self.drain()
        if self._queue and not self.closed:
            self._send_queue()

    def drain(self) -> None:
        """Hear everything that has come so far."""
        while not self.closed:
            try:
                data = self._socket.recv(_READ)
                messages = self._lines.feed(data)
            except BlockingIOError:
                return
            except (OSError, ValueError, RecursionError) as error:
                self.unread = self.unread or isinstance(error, ConnectionResetError)
                data, messages = b"", []
            if not data:
                self.close()
            for message in messages:
                self._hear(message)

    @property
    def closed(self) -> bool:
        """Whether there is nobody at the other end any more."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Hang up: a task process takes that as the order to leave."""
        if not self.closed:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
        for _, descriptors in self._queue:
            _close_all(descriptors)
        self._queue.clear()


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
