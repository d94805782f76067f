"""Reading what a run wrote: a stream or both, by offset or from its end, stored or in files.

``both`` is the two streams with their chunks in the order in which they arrived; its offsets
stay valid while a run goes on, since streams and their order only grow.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jobsched.execution.order import segments
from jobsched.execution.runner.capture import ORDER_SUFFIX, SUFFIXES

STREAMS = ("out", "err", "both")
_BLOCK = 1 << 16
_Part = tuple[int, int, int]  # stream number, offset in it, length


class Output:
    """A run's output as it stands now; make a new one to see what came since."""

    def __init__(self, out: "_Source", err: "_Source", order: str) -> None:
        self._sources = (out, err)
        self._order = order

    @classmethod
    def stored(cls, out: bytes | None, err: bytes | None, chunks: str | None) -> "Output":
        """Return the output of a short run as the database keeps it."""
        return cls(_Stored(out or b""), _Stored(err or b""), chunks or "")

    @classmethod
    def in_files(cls, path: str | os.PathLike[str]) -> "Output":
        """Return the output in the files *path* + .out, .err, .order; missing ones are empty."""
        base = os.fspath(path)
        # The order first: what is younger than it then counts as the last chunk.
        order = ""
        with suppress(FileNotFoundError):
            order = Path(base + ORDER_SUFFIX).read_text(encoding="ascii")
        return cls(_File(base + SUFFIXES[0]), _File(base + SUFFIXES[1]), order)

    def size(self, stream: str = "both") -> int:
        """Return how many bytes of *stream* are kept."""
        return sum(length for _, _, length in self._parts(stream))

    def read(self, stream: str = "both", offset: int = 0, limit: int | None = None) -> bytes:
        """Return at most *limit* bytes of *stream* from *offset* on, exactly as written."""
        return b"".join(self.blocks(stream, offset, limit))

    def blocks(
        self, stream: str = "both", offset: int = 0, limit: int | None = None
    ) -> Iterator[bytes]:
        """Yield what :meth:`read` returns in blocks of at most 64 KB."""
        left = self.size(stream) if limit is None else limit
        for number, start, length in self._parts(stream):
            skipped = min(offset, length)
            offset -= skipped
            wanted = min(length - skipped, left)
            left -= wanted
            yield from self._sources[number].blocks(start + skipped, wanted)

    def tail(self, stream: str = "both", lines: int = 10) -> int:
        """Return the offset at which the last *lines* lines of *stream* begin.

        A last line without its line feed counts.
        """
        end = position = self.size(stream)
        if lines <= 0:
            return end
        wanted = lines
        while position > 0:
            begin = max(0, position - _BLOCK)
            block = self.read(stream, begin, position - begin)
            if position == end and block.endswith(b"\n"):
                block = block[:-1]
            found = _nth_last(block, wanted)
            if found >= 0:
                return begin + found + 1
            wanted -= block.count(b"\n")
            position = begin
        return 0

    def _parts(self, stream: str) -> list[_Part]:
        sizes = [source.size for source in self._sources]
        if stream == "both":
            return segments(self._order, sizes)
        number = STREAMS.index(stream)
        return [(number, 0, sizes[number])]


def _nth_last(block: bytes, count: int) -> int:
    """Return where the *count*-th last line feed of *block* stands, -1 if there are fewer."""
    position = len(block)
    for _ in range(count):
        position = block.rfind(b"\n", 0, position)
        if position < 0:
            break
    return position


class _Source:
    size: int

    def blocks(self, offset: int, length: int) -> Iterator[bytes]:
        raise NotImplementedError


class _Stored(_Source):
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def blocks(self, offset: int, length: int) -> Iterator[bytes]:
        if length > 0:
            yield self._data[offset : offset + length]


class _File(_Source):
    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self.size = os.stat(path).st_size
        except FileNotFoundError:
            self.size = 0

    def blocks(self, offset: int, length: int) -> Iterator[bytes]:
        if length <= 0:
            return
        with open(self._path, "rb", buffering=0) as file:
            file.seek(offset)
            while length > 0 and (block := file.read(min(length, _BLOCK))):
                length -= len(block)
                yield block
