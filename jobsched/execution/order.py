"""The order in which chunks of a run's two streams arrived, as text such as ``o12e5o3``.

Twelve bytes of out, then five of err, then three of out. What a text does not speak of comes
after it, out before err. Standard library only: the runner imports this.
"""

import re
from collections.abc import Sequence

LETTERS = "oe"
_TOKEN = re.compile(r"([oe])([0-9]+)")


class Order:
    """Notes chunks as they arrive; neighbours of the same stream become one."""

    __slots__ = ("_pending", "_tokens", "_which")

    def __init__(self) -> None:
        self._tokens: list[str] = []
        self._which = -1
        self._pending = 0

    def add(self, number: int, length: int) -> bool:
        """Note *length* more bytes of stream *number*; return whether the stream changed."""
        if number == self._which:
            self._pending += length
            return False
        changed = self._which >= 0
        if changed:
            self._tokens.append(f"{LETTERS[self._which]}{self._pending}")
        self._which, self._pending = number, length
        return changed

    def take(self) -> str:
        """Return the text of all but the chunk that may still grow, and forget it."""
        text = "".join(self._tokens)
        self._tokens.clear()
        return text

    def finish(self) -> str:
        """Return the text of everything not taken yet."""
        self.add(1 - self._which if self._which >= 0 else 0, 0)
        return self.take()


def segments(text: str, sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (stream number, offset in it, length) one after the other, for streams of *sizes*.

    Never reaches past a stream's end, so text and streams may be read while they grow.
    """
    offsets = [0, 0]
    found: list[tuple[int, int, int]] = []
    for letter, digits in _TOKEN.findall(text):
        number = LETTERS.index(letter)
        _append(found, offsets, number, min(int(digits), sizes[number] - offsets[number]))
    for number in (0, 1):
        _append(found, offsets, number, sizes[number] - offsets[number])
    return found


def _append(
    found: list[tuple[int, int, int]], offsets: list[int], number: int, length: int
) -> None:
    if length > 0:
        found.append((number, offsets[number], length))
        offsets[number] += length
