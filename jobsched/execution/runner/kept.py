"""One stream of a run in a file of at most *cap* bytes: the head, a mark, the tail.

The file only ever grows, so that readers may follow it by offset: the head is written as it
comes; what follows goes round and round in a nameless ring file and is appended at the end.
The ring is never smaller than a portion worth moving, however little of it will be kept.
``splice`` moves the bytes, this program does not touch them.
Standard library only: the runner imports this.
"""

import errno
import os

MARK = 64  # bytes of the text that marks a cut
SMALLEST_CAP = 256
# The pipe's own O_NONBLOCK is not enough for splice: without the flag it may wait for ever.
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
_LONGEST_TAIL = 4 * 2**20
_SMALLEST_RING = 2**20  # bytes; a smaller one would slow a flood down to its size per portion
_MOST = 2**20  # bytes moved with one call, so that one flood cannot keep others waiting


class KeptFile:
    """The writing side of one stream's file. Every method raises OSError when the disk is full."""

    __slots__ = (
        "_cap",
        "_file",
        "_head",
        "_path",
        "_ring",
        "_ring_size",
        "_spliceable",
        "_tail",
        "total",
    )

    def __init__(self, path: str, cap: int) -> None:
        self._path = path
        self._cap = max(cap, SMALLEST_CAP)
        # Room for the mark lies in the tail: a stream of exactly *cap* bytes is not cut.
        self._tail = min(max(self._cap // 4, 2 * MARK), _LONGEST_TAIL)
        self._head = self._cap - self._tail
        self._ring_size = max(self._tail, _SMALLEST_RING)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._ring = -1
        self._spliceable = True
        self.total = 0

    @property
    def past_head(self) -> bool:
        """Whether what comes now may be cut later."""
        return self.total >= self._head

    def splice(self, pipe: int) -> int:
        """Move bytes out of *pipe*; return how many, 0 at its end. Raises: BlockingIOError."""
        file, offset, room = self._place()
        moved = self._move(pipe, file, offset, min(room, _MOST))
        self.total += moved
        return moved

    def write(self, data: bytes) -> None:
        """Append *data*."""
        view = memoryview(data)
        while view:
            file, offset, room = self._place()
            written = os.pwrite(file, view[:room], offset)
            self.total += written
            view = view[written:]

    def _place(self) -> tuple[int, int, int]:
        if self.total < self._head:
            return self._file, self.total, self._head - self.total
        if self._ring < 0:
            self._ring = _nameless(self._path + ".tail")
        offset = (self.total - self._head) % self._ring_size
        return self._ring, offset, self._ring_size - offset

    def _move(self, pipe: int, file: int, offset: int, most: int) -> int:
        if self._spliceable:
            try:
                return os.splice(pipe, file, most, offset_dst=offset, flags=_FLAGS)
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
                    raise
                self._spliceable = False  # a file system that cannot
        data = os.read(pipe, min(most, 1 << 16))
        return os.pwrite(file, data, offset) if data else 0

    def finish(self) -> None:
        """Append the tail, after the mark if something was cut, and close."""
        try:
            if self._ring >= 0:
                self._append_ring(self.total - self._head)
        finally:
            self.close()

    def _append_ring(self, length: int) -> None:
        os.lseek(self._file, self._head, os.SEEK_SET)
        if length <= self._tail:
            self._copy(0, length)
            return
        kept = self._tail - MARK
        os.write(self._file, mark(self.total - self._head - kept))
        begin = (length - kept) % self._ring_size
        first = min(kept, self._ring_size - begin)
        self._copy(begin, first)
        self._copy(0, kept - first)

    def _copy(self, offset: int, length: int) -> None:
        while length > 0:
            moved = os.sendfile(self._file, self._ring, offset, length)
            if moved == 0:
                return
            offset, length = offset + moved, length - moved

    def close(self) -> None:
        """Close without the tail."""
        os.close(self._file)
        if self._ring >= 0:
            os.close(self._ring)
        self._file = self._ring = -1


def mark(missing: int) -> bytes:
    """Return the MARK bytes that stand for *missing* ones."""
    return f"\n[jobsched: {missing} bytes were cut here]".encode("ascii").ljust(MARK - 1) + b"\n"


def _nameless(path: str) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    return file
