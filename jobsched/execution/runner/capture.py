"""Keeping what a run writes: small and young output in memory, the rest in files.

Both streams are kept byte for byte, and the order in which their chunks arrived. A short run's
output never touches the disk; past SMALL bytes of a stream or AGE seconds it goes to
``<path>.out`` and ``<path>.err`` (each made with its first byte) and, once both exist, the
chunks' order to ``<path>.order``. The reading side is :mod:`jobsched.execution.output`.
Standard library only: the runner imports this.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

from jobsched.execution.order import Order
from jobsched.execution.runner.kept import KeptFile

SMALL = 16 * 1024  # bytes of one stream
AGE = 0.2  # seconds
SUFFIXES = (".out", ".err")
ORDER_SUFFIX = ".order"
_LONGEST_ORDER = 2**20  # bytes; the rest of the streams then counts as one chunk each
_FLOOD = 256 * 1024
_WIDE_PIPE = 2**20
_F_SETPIPE_SZ = 1031  # fcntl has no name for it in Python 3.11


class Capture:
    """What one run has written. Streams are numbered: 0 = out, 1 = err.

    *listener* is shown every portion, (stream, bytes), until it returns False.
    """

    __slots__ = (
        "_cap",
        "_files",
        "_order",
        "_order_bytes",
        "_order_file",
        "_path",
        "failure",
        "in_memory",
        "listener",
        "parts",
        "totals",
    )

    def __init__(self, path: str, cap: int) -> None:
        self._path = path
        self._cap = cap
        self._files: list[KeptFile | None] = [None, None]
        self._order = Order()
        self._order_file = -1
        self._order_bytes = 0
        self.parts: tuple[list[bytes], list[bytes]] = ([], [])
        self.totals = [0, 0]
        self.in_memory = True
        self.listener: Callable[[int, bytes], bool] | None = None
        self.failure: str | None = None  # why output is incomplete

    def take(self, number: int, pipe: int) -> int:
        """Move what *pipe* holds into stream *number*; return how many bytes, 0 at its end.

        Raises: BlockingIOError when it holds nothing now.
        """
        file = self._files[number]
        if file is None or self.failure or self.listener:
            return self._take_by_hand(number, pipe)
        moved = self._take_by_splice(number, pipe, file)
        if self.totals[number] < _FLOOD <= self.totals[number] + moved:
            with suppress(OSError):  # it only means fewer bytes per call
                fcntl.fcntl(pipe, _F_SETPIPE_SZ, _WIDE_PIPE)
        self.totals[number] += moved
        return moved

    def floods(self, number: int) -> bool:
        """Return whether stream *number* has had so much that its pipe was widened."""
        return self.totals[number] >= _FLOOD

    def _take_by_hand(self, number: int, pipe: int) -> int:
        data = os.read(pipe, 1 << 16)
        if not data:
            return 0
        self.totals[number] += len(data)
        if self.listener is not None and not self.listener(number, data):
            self.listener = None
        if self.in_memory:
            self.parts[number].append(data)
            self._order.add(number, len(data))
            if self.totals[number] > min(SMALL, self._cap):
                self.to_files()
        elif not self.failure:
            file = self._files[number]
            in_head = file is None or not file.past_head
            self._write(number, data)
            if in_head:
                self._note(number, len(data))
        return len(data)

    def _take_by_splice(self, number: int, pipe: int, file: KeptFile) -> int:
        in_head = not file.past_head
        try:
            moved = file.splice(pipe)
        except BlockingIOError:
            raise
        except OSError as error:
            self._fail(error)
            return len(os.read(pipe, 1 << 16))
        if in_head and moved:
            self._note(number, moved)
        return moved

    def to_files(self) -> None:
        """Write what is in memory to files, and everything from now on."""
        self.in_memory = False
        for number in (0, 1):
            if self.parts[number]:
                self._write(number, b"".join(self.parts[number]))
            self.parts[number].clear()
        self._write_order(self._order.take())

    def _write(self, number: int, data: bytes) -> None:
        try:
            file = self._files[number]
            if file is None:
                os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
                file = self._files[number] = KeptFile(self._path + SUFFIXES[number], self._cap)
            file.write(data)
        except OSError as error:
            self._fail(error)

    def _note(self, number: int, length: int) -> None:
        if self._order.add(number, length):
            self._write_order(self._order.take())

    def _write_order(self, text: str) -> None:
        if not text or self.failure or self._order_bytes > _LONGEST_ORDER:
            return
        try:
            if self._order_file < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
                self._order_file = os.open(self._path + ORDER_SUFFIX, flags, 0o600)
            self._order_bytes += os.write(self._order_file, text.encode("ascii"))
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        # The run goes on: what it does matters more than what it says.
        self.failure = f"its output is incomplete: {error.strerror or error}"

    def small(self) -> tuple[bytes, bytes, str | None]:
        """Return out, err and their order (None unless both have content) as kept in memory."""
        out, err = b"".join(self.parts[0]), b"".join(self.parts[1])
        return out, err, self._order.finish() if out and err else None

    def finish(self) -> None:
        """Complete and close the files, if there are any."""
        if self.in_memory:
            return
        for file in self._files:
            if file is not None:
                try:
                    file.finish()
                except OSError as error:
                    self._fail(error)
        if self._order_file >= 0:
            self._write_order(self._order.finish())
            os.close(self._order_file)
        self._order_file = -1
        self._files = [None, None]
