"""Wake-ups between the processes of one machine: Unix datagrams, only ever a hint.

Each listener owns a socket ``wake/<topic>.<pid>`` in the data folder. A lost datagram costs at
most the listener's bounded sleep, so errors in sending are ignored.
"""

import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

TOPICS = ("scheduler", "supervisor", "web")


class Wake:
    """Sends hints to whoever listens below *data_dir*."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "wake"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def notify(self, topic: str) -> None:
        """Wake every listener of *topic*; never blocks, never raises."""
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return  # nobody has ever listened
        try:
            for name in os.listdir(folder):  # noqa: PTH208 - by descriptor, and for every request
                if name.startswith(topic + "."):
                    self._send(folder, name)
        except OSError:
            pass  # even listing takes a descriptor; what was done stays done without a hint
        finally:
            os.close(folder)

    def _send(self, folder: int, name: str) -> None:
        try:
            self._socket.sendto(b"!", f"/proc/self/fd/{folder}/{name}")
        except ConnectionRefusedError:
            # Its owner is gone; nobody else removes what a killed process leaves behind.
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
        except OSError:
            pass

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class Listener:
    """Receives the hints for one *topic* in this process."""

    def __init__(self, data_dir: Path, topic: str) -> None:
        folder = data_dir / "wake"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{topic}.{os.getpid()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._path.unlink(missing_ok=True)
        self._bind(folder)

    def _bind(self, folder: Path) -> None:
        # A socket's path may have 107 bytes; through the folder's descriptor any folder will do.
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            self._socket.bind(f"/proc/self/fd/{handle}/{self._path.name}")
        finally:
            os.close(handle)

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()

    def wait(self, seconds: float) -> bool:
        """Sleep until woken, *seconds* at the most; return whether a hint came."""
        poll = select.poll()  # select.select fails above descriptor 1023
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000)) and self.drain()

    def drain(self) -> bool:
        """Take all pending hints; return whether there were any."""
        taken = False
        with suppress(BlockingIOError):
            while self._socket.recv(16):
                taken = True
        return taken

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
