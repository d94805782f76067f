"""What is said to the user on stderr: messages, and progress while he watches."""

import os
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from jobsched.cli import tables

_TICK = 0.5


def is_watched(stream: TextIO) -> bool:
    """Return whether *stream* is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def has_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether *stream* takes colours (https://no-color.org)."""
    return is_watched(stream) and not environ.get("NO_COLOR")


def say(text: str) -> None:
    """Print a line on stderr, with nothing in it that steers the terminal."""
    print(tables.plain(text), file=sys.stderr, flush=True)


class Progress:
    """One line on a terminal that says what is waited for and since when; elsewhere nothing."""

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what, self._text = what, ""
        self._begin = time.monotonic()
        self._shown = not quiet and is_watched(sys.stderr)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def tell(self, text: str) -> None:
        """Say what is going on now."""
        self._text = text

    def __enter__(self) -> Self:
        if self._shown:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._over.set()
            self._thread.join()
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        while not self._over.wait(_TICK):
            elapsed = round(time.monotonic() - self._begin)
            line = tables.plain(f"{self._what} {self._text} {elapsed}s")
            sys.stderr.write("\r" + line[: _columns() - 1] + "\x1b[K")
            sys.stderr.flush()


def _columns() -> int:
    return os.get_terminal_size(sys.stderr.fileno()).columns or 80
