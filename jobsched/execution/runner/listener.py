"""The runner's end of the socket: one supervisor at a time, the newest one counts.

Standard library only: the runner imports this.
"""

import os
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from jobsched.execution.protocol import SOCKET, Lines, Message, encode
from jobsched.execution.runner.loop import Loop

_READ = 1 << 16
_AGAIN = 0.2  # seconds


class Listener:
    """Listens in the runner's folder (its working directory while this is made)."""

    def __init__(self, loop: Loop, obey: Callable[[Message], None]) -> None:
        self._loop = loop
        self._obey = obey
        self._listening = _listening()
        self._connection: socket.socket | None = None
        self._lines = Lines()
        self._outgoing: list[bytes] = []
        self._rest = b""
        self.greeted = False  # whether the supervisor has asked what there is
        self._listen()

    def _listen(self) -> None:
        self._loop.watch(self._listening.fileno(), self._accept)

    @property
    def connected(self) -> bool:
        """Whether a supervisor holds the line."""
        return self._connection is not None

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send *message* at the end of this turn; nobody hears it before ``hello``."""
        if self.greeted:
            self._outgoing.append(encode(message))

    def flush(self) -> None:
        """Send what was told during this turn, as far as the peer takes it."""
        if self._connection is None or not (self._outgoing or self._rest):
            return
        data = self._rest + b"".join(self._outgoing)
        self._outgoing.clear()
        try:
            sent = self._connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._hang_up()
            return
        waited = bool(self._rest)
        self._rest = data[sent:]
        if waited != bool(self._rest):
            events = select.EPOLLIN | (select.EPOLLOUT if self._rest else 0)
            self._loop.watch(self._connection.fileno(), self._ready, events)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # out of descriptors, or it has given up: it will try again
            self._loop.unwatch(self._listening.fileno())
            self._loop.at(self._loop.now + _AGAIN, self, self._listen)
            return
        self._hang_up()
        connection.setblocking(False)
        self._connection = connection
        self._loop.watch(connection.fileno(), self._ready)

    def _ready(self) -> None:
        """Obey what the supervisor sent; what it could not take yet goes out with the flush."""
        if self._connection is None:
            return
        try:
            data = self._connection.recv(_READ)
            messages = self._lines.feed(data)
        except BlockingIOError:
            return
        except (OSError, ValueError):  # gone, or no supervisor at all
            data = b""
        if not data:
            self._hang_up()
            return
        for message in messages:
            self._obey(message)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
        self._connection = None
        self._lines = Lines()
        self._outgoing.clear()
        self._rest = b""
        self.greeted = False

    def close(self) -> None:
        """Stop listening."""
        self.flush()
        self._hang_up()
        self._loop.unwatch(self._listening.fileno())
        self._listening.close()


def _listening() -> socket.socket:
    # Bound by its short name: a socket's path may have 107 bytes only.
    with suppress(FileNotFoundError):
        os.unlink(SOCKET)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listening.bind(SOCKET)
    listening.listen(8)
    return listening
