"""A small process that hands on what the command writes to one stream, and keeps a copy of it.

A process of its own, so that nothing that happens to us takes the stream away from the command,
and what the command leaves in the background may go on writing after its end.
"""

import os
import select
import socket
from contextlib import suppress

from jobsched.execution.runner.kept import MARK, mark

CAP = 64 * 1024  # bytes kept of one stream: its head and its tail
_TAIL = CAP // 4
_BLOCK = 1 << 16
_PORTION = 4096  # a pipe that poll calls writable takes so much at once
_PATIENCE = 3.0  # seconds for the last of it to be handed on


class Copy:
    """The first and the last bytes of a stream, CAP of them at most."""

    def __init__(self) -> None:
        self.total = 0
        self._head, self._tail = bytearray(), bytearray()

    def add(self, data: bytes) -> None:
        """Append *data*."""
        self.total += len(data)
        room = CAP - _TAIL - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]

    def kept(self) -> bytes:
        """Return what is kept: all of it, or head, mark and tail."""
        if self.total <= CAP:
            return bytes(self._head + self._tail)
        tail = bytes(self._tail[-(_TAIL - MARK) :])
        return bytes(self._head) + mark(self.total - len(self._head) - len(tail)) + tail


class Relay:
    """Hands a stream on to the descriptor *target*; *pipe* is where the command writes."""

    def __init__(self, target: int) -> None:
        reader, self.pipe = os.pipe()
        self._control, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            _work(reader, target, theirs.fileno())
        os.close(reader)
        theirs.close()

    def started(self) -> None:
        """Call when the command has its end of the pipe."""
        os.close(self.pipe)

    def finish(self) -> tuple[bytes, int] | None:
        """Return what is kept and how much was written, by now; None when nobody tells.

        What comes later is still handed on.
        """
        with suppress(OSError), self._control as control:
            control.settimeout(_PATIENCE)
            control.sendall(b"e")
            told = bytearray()
            while block := control.recv(_BLOCK):
                told += block
            if len(told) >= 8:
                return bytes(told[8:]), int.from_bytes(told[:8], "big")
        return None


def _work(reader: int, target: int, control: int) -> None:
    """Live as the relay; never returns."""
    try:
        kept = sorted({reader, target, control})
        for low, high in zip([-1, *kept], [*kept, 1 << 20], strict=True):
            os.closerange(low + 1, high)
        _Worker(reader, target, control).work()
    finally:
        os._exit(0)


class _Worker:
    """The relay's side; *waiting* is what the target has not taken yet."""

    def __init__(self, reader: int, target: int, control: int) -> None:
        self._reader, self._target = reader, target
        self._control: int | None = control
        self._copy, self._waiting = Copy(), b""
        self._open, self._asked = True, False
        os.set_blocking(reader, False)

    def work(self) -> None:
        """Hand on until the end of the stream, and tell what is kept when asked to."""
        while self._open or self._waiting or self._control is not None:
            self._turn()
            if self._asked and not self._waiting and not self._more():
                self._tell()

    def _turn(self) -> None:
        """Wait until something can be done, and do it."""
        poll = select.poll()
        if self._control is not None and not self._asked:
            poll.register(self._control, select.POLLIN)
        if self._waiting:
            poll.register(self._target, select.POLLOUT)
        elif self._open:
            poll.register(self._reader, select.POLLIN)
        for file, _ in poll.poll():
            if file == self._control:
                self._hear()
            elif file == self._target:
                self._write()
            else:
                self._more()

    def _hear(self) -> None:
        assert self._control is not None  # noqa: S101 - narrows a type
        if os.read(self._control, 1):
            self._asked = True
        else:  # we are alone
            os.close(self._control)
            self._control = None

    def _more(self) -> bool:
        """Read what is there by now; return whether something was."""
        if not self._open:
            return False
        try:
            self._waiting = os.read(self._reader, _BLOCK)
        except BlockingIOError:
            return False
        self._copy.add(self._waiting)
        if not self._waiting:
            self._close()
        return bool(self._waiting)

    def _write(self) -> None:
        try:
            written = os.write(self._target, self._waiting[:_PORTION])
            self._waiting = self._waiting[written:]
        except BlockingIOError:
            pass
        except OSError:  # nobody reads any more: the command shall find out when it writes
            self._waiting = b""
            self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self._reader)
        if not self._waiting:
            os.close(self._target)

    def _tell(self) -> None:
        assert self._control is not None  # noqa: S101 - narrows a type
        told = self._copy.total.to_bytes(8, "big") + self._copy.kept()
        with suppress(OSError):
            while told:
                told = told[os.write(self._control, told) :]
        os.close(self._control)
        self._control, self._asked = None, False
