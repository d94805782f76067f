"""Output that a job wants in files of its own (``outlog``, ``errlog``): opened with its rights.

Called in the forked child that is about to become the job, so a file is made, truncated or refused
just as the job itself could do it. A file of the server's own is refused whoever asks: writing
there by mistake would cost the history of all jobs.
Standard library only: the runner imports this.
"""

import errno
import os
import stat
from collections.abc import Mapping
from typing import Any

from jobsched.execution.protocol import SHORTAGES as _SHORTAGES
from jobsched.execution.runner.forbidding import Forbidden

SHORTAGES = _SHORTAGES - {errno.ENOSPC}  # a full disk of the job's own is the job's affair
# Appending, so that both streams may go to one file; a pipe without a reader is not waited for.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MODE = 0o666  # less the umask
_LOGS = (("out", "outlog", 1), ("err", "errlog", 2))


class Unusable(Exception):
    """A file cannot be opened, for the reason in the message; *number* is the kernel's errno."""

    def __init__(self, name: str, path: str, number: int, reason: str) -> None:
        super().__init__(f"{name} {path} cannot be opened: {reason}")
        self.number = number


def apply(redirect: Mapping[str, Any] | None) -> None:
    """Let this process write to the files that *redirect* names.

    ``out`` and ``err`` are paths (relative: from the working directory) or None; ``forbidden`` is
    the message of a :class:`Forbidden`. Raises: Unusable.
    """
    if redirect is None:
        return
    forbidden = Forbidden.from_message(redirect["forbidden"])
    for key, name, number in _LOGS:
        if path := redirect.get(key):
            _replace(number, _opened(name, path, forbidden))


def _opened(name: str, path: str, forbidden: Forbidden) -> int:
    try:
        reason = forbidden.path(path)
        file = os.open(path, _FLAGS, _MODE) if reason is None else -1
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        raise Unusable(name, path, number, os.strerror(number)) from error
    # A link may have been put in its way since; nothing has been written so far.
    reason = reason or forbidden.path(f"/proc/self/fd/{file}") or forbidden.file(os.fstat(file))
    if reason is not None:
        raise Unusable(name, path, errno.EACCES, f"it {reason}")
    os.set_blocking(file, True)
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.ftruncate(file, 0)
    return file


def _replace(number: int, file: int) -> None:
    os.dup2(file, number, inheritable=True)
    os.close(file)
