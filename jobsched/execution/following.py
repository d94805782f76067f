"""Following what a run writes: every byte of both streams once, as they come, in their order.

A stream's bytes are always handed out exactly as written. Their order among each other is that in
which the runner noted them; where it has not noted any yet, a look is let pass before bytes of
both streams are handed out, out before err.
"""

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from jobsched.execution.order import LETTERS
from jobsched.execution.runner.capture import ORDER_SUFFIX, SUFFIXES

_BLOCK = 1 << 16
_BOTH = (0, 1)
_TOKEN = re.compile(r"([oe]|^(?=[0-9]))([0-9]*)")


class Following:
    """Reads the files of one run whose output grows."""

    def __init__(self, stem: str | os.PathLike[str]) -> None:
        self._stem = os.fspath(stem)
        self._sent = [0, 0]
        self._early = [0, 0]  # bytes handed out before their place in the order was known
        self._noted: deque[tuple[int, int]] = deque()  # (stream, bytes) to come, in order
        self._order_read = 0
        self._token = ""  # the last one read: it may not have been whole
        self._unsure = False

    def news(self, *, finished: bool = False) -> Iterator[bytes]:
        """Yield what has come since the last call; all there is once the run has *finished*."""
        sizes = [_size(self._stem + suffix) for suffix in SUFFIXES]
        self._read_order()  # after the sizes: it knows of all those bytes but the newest
        yield from self._in_order(sizes)
        ahead = [number for number in _BOTH if self._sent[number] < sizes[number]]
        unsure = len(ahead) > 1
        if unsure and not self._unsure and not finished:
            self._unsure = True
            return
        self._unsure = False
        for number in ahead:
            length = sizes[number] - self._sent[number]
            self._early[number] += length
            yield from self._blocks(number, length)

    def _in_order(self, sizes: list[int]) -> Iterator[bytes]:
        while self._noted:
            number, length = self._noted[0]
            known = min(length, self._early[number])
            self._early[number] -= known
            there = min(length - known, sizes[number] - self._sent[number])
            yield from self._blocks(number, there)
            if known + there < length:
                self._noted[0] = (number, length - known - there)
                return
            self._noted.popleft()

    def _read_order(self) -> None:
        with suppress(FileNotFoundError), open(self._stem + ORDER_SUFFIX, "rb") as file:
            file.seek(self._order_read)
            data = file.read()
            self._order_read += len(data)
            self._note(data.decode("ascii"))

    def _note(self, text: str) -> None:
        """Take the tokens (``o12``) in *text*, which may begin inside one."""
        for letter, digits in _TOKEN.findall(text):
            whole = letter + digits if letter else self._token + digits
            known = 0 if letter else _length(self._token)
            self._noted.append((LETTERS.index(whole[0]), _length(whole) - known))
            self._token = whole

    def _blocks(self, number: int, length: int) -> Iterator[bytes]:
        if length <= 0:
            return
        with open(self._stem + SUFFIXES[number], "rb", buffering=0) as file:
            file.seek(self._sent[number])
            while length > 0 and (block := file.read(min(length, _BLOCK))):
                length -= len(block)
                self._sent[number] += len(block)
                yield block


def _length(token: str) -> int:
    return int(token[1:] or 0)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
