"""A reverse proxy of a few lines: passes bytes on, and tells of leaving clients in either way."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self


class Proxy:
    """Listens on *port* for the server at *upstream*; *leaving* is what a client's leaving does.

    ``close`` closes its own connection, ``half-close`` only the sending half of that.
    """

    def __init__(self, upstream: int, leaving: Literal["close", "half-close"]) -> None:
        self._upstream, self._leaving = upstream, leaving
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._pass_on, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(1 << 16):
                target.sendall(block)
            half = self._leaving == "half-close"
            target.shutdown(socket.SHUT_WR if half else socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10)
