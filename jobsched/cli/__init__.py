"""The command line: ``jobsched [COMMAND] ...``; leaving out the command means ``serve``.

Data goes to stdout, messages go to stderr; the exit codes are in :mod:`jobsched.cli.codes`.
"""

import os
import sys
from collections.abc import Callable, Sequence

from jobsched.cli.codes import (
    CONFLICT,
    FAILED,
    INTERRUPTED,
    NOT_ALLOWED,
    NOT_FOUND,
    OK,
    PIPE_CLOSED,
    TIME_IS_UP,
    UNREACHABLE,
    USAGE,
)

__all__ = [
    "CONFLICT", "FAILED", "INTERRUPTED", "NOT_ALLOWED", "NOT_FOUND", "OK", "PIPE_CLOSED",
    "TIME_IS_UP", "UNREACHABLE", "USAGE", "main",
]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: this process's) and return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    try:
        return _run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough. Nor shall the interpreter complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _run(given: list[str]) -> int:
    if given[:1] == ["record"]:
        from jobsched.execution.task import reporting  # also run as a file of its own

        return reporting.main(given[1:], os.environ)
    from jobsched.cli import tree

    try:
        arguments = tree.read(given)
        act: Callable[..., int] = arguments.act
        return act(arguments)
    finally:
        sys.stdout.flush()  # here, where it can be told that nobody reads any more
