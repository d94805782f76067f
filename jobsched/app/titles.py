"""What ``ps`` and ``top`` show of a process: which part of the server it is."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_NAME = 15
_ARGUMENTS = slice(47, 49)  # fields of /proc/PID/stat: where the command line begins and ends


def show(part: str) -> None:
    """Call this process *part* from now on, with its options behind; best called early.

    The kernel shows the memory in which it once laid down the command line; so that is written
    over, in place. Where it is not as expected, only the short name is set.
    """
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"jobsched:{part}".encode(), 0, 0, 0)
    with suppress(OSError, ValueError):
        begin, end = _command_line()
        if end - begin == len(_joined(sys.orig_argv)):
            words = [f"jobsched: {part}", *sys.argv[1:]]
            ctypes.memmove(
                begin, _joined(words)[: end - begin].ljust(end - begin, b"\0"), end - begin
            )


def _command_line() -> tuple[int, int]:
    """Return the addresses of the command line's begin and end."""
    stat = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
    # The name in brackets may hold spaces and brackets; the fields are counted from 1.
    fields = ["", "", *stat.rpartition(")")[2].split()]
    begin, end = map(int, fields[_ARGUMENTS])
    return begin, end


def _joined(words: list[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in words)
