"""stdout and stderr of a task process: nothing is kept back, nothing printed can be refused.

Standard library only: it lives in the task process.
"""

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO, TextIOWrapper
from typing import Any

_ERRORS = {1: "surrogateescape", 2: "backslashreplace"}
_streams: dict[int, TextIOWrapper] = {}


def install() -> None:
    """Make sys.stdout and sys.stderr write through: what was printed survives a kill.

    Text that came from bytes that are not UTF-8 (file names) is printed as those bytes.
    """
    _streams.update({descriptor: _stream(descriptor) for descriptor in _ERRORS})
    restore()


def restore() -> None:
    """Undo what a call did to sys.stdout and sys.stderr."""
    for descriptor, stream in _streams.items():
        if stream.closed:
            _streams[descriptor] = _stream(descriptor)
    if _streams:
        sys.stdout, sys.stderr = _streams[1], _streams[2]


def targets() -> list[tuple[int, int] | None]:
    """Return what stdin, stdout and stderr lead to, None for one that is closed."""
    return [_target(descriptor) for descriptor in (0, 1, 2)]


def flush() -> None:
    """Flush Python's and C's streams, so that all output is in the pipes before the next word."""
    for stream in (sys.stdout, sys.stderr, *_streams.values()):
        with suppress(Exception):  # the task may have closed it, or put anything in its place
            stream.flush()
    _flush_c()(None)


def print_traceback(error: BaseException, *hidden: str) -> None:
    """Print *error* on stderr, without the outermost frames of the files *hidden*."""
    restore()
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(hidden):
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.__excepthook__(type(error), error, trace)


def _target(descriptor: int) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino
    return None


def _stream(descriptor: int) -> TextIOWrapper:
    raw: Any = FileIO(descriptor, "w", closefd=False)
    return TextIOWrapper(raw, encoding="utf-8", errors=_ERRORS[descriptor], write_through=True)


@functools.cache
def _flush_c() -> Callable[[None], object]:
    import ctypes  # a tenth of a task process's start: only once something has run

    return ctypes.CDLL(None).fflush
