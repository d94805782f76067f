"""Output that a job wants in files of its own (``outlog``, ``errlog``): opened with its rights.

Called in the forked child that is about to become the job, so a file is made, truncated or refused
just as the job itself could do it. A file in the server's data folder is refused whoever asks:
writing there by mistake would cost the history of all jobs.
Standard library only: the runner imports this.
"""

import errno
import os
import stat
from collections.abc import Mapping
from typing import Any

from jobsched.execution.protocol import SHORTAGES as _SHORTAGES

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
    the folder in which they must not be. Raises: Unusable.
    """
    if redirect is None:
        return
    for key, name, number in _LOGS:
        if path := redirect.get(key):
            _replace(number, _opened(name, path, redirect["forbidden"]))


def is_inside(path: str, folder: str) -> bool:
    """Return whether *path*, links followed, is *folder* or lies in it."""
    folder = os.path.realpath(folder)
    return os.path.commonpath([os.path.realpath(path), folder]) == folder


def _opened(name: str, path: str, forbidden: str) -> int:
    try:
        allowed = not is_inside(path, forbidden)
        file = os.open(path, _FLAGS, _MODE) if allowed else -1
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        raise Unusable(name, path, number, os.strerror(number)) from error
    # A link may have been put in its way since; nothing has been written so far.
    if not allowed or is_inside(f"/proc/self/fd/{file}", forbidden):
        raise Unusable(name, path, errno.EACCES, "it lies in the server's data folder")
    os.set_blocking(file, True)
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.ftruncate(file, 0)
    return file


def _replace(number: int, file: int) -> None:
    os.dup2(file, number, inheritable=True)
    os.close(file)
