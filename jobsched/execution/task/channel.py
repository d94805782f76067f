"""The control socket as a task process sees it: messages in, messages out, descriptors.

Standard library only: it lives in the task process.
"""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of a Unix stream socket; a JSON object per line each way."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)  # programs that a task starts must not hold it open
        self._received = bytearray()
        self._descriptors: list[int] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Message]:
        """Yield messages until the runner closes its end."""
        while True:
            while (end := self._received.find(b"\n")) >= 0:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                yield json.loads(line)
            if not self._receive():
                return

    def tell(self, message: Mapping[str, object]) -> None:
        """Send *message*. That the runner is gone is noticed when reading, not here."""
        line = json.dumps(message).encode() + b"\n"
        with suppress(OSError), self._lock:
            self._socket.sendall(line)

    def descriptors(self, count: int) -> list[int]:
        """Take the *count* oldest descriptors that came with messages."""
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return taken

    def close(self) -> None:
        """Close this process's end."""
        self._socket.close()

    def _receive(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 12)
        except ConnectionError:
            return False
        self._descriptors += descriptors
        self._received += data
        return bool(data)
