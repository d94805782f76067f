"""The machine that we are on: its boot, and the lock that makes one supervisor of a node."""

import fcntl
import os
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """Return what tells this run of the machine from every other; empty where unknown."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class NodeLock:
    """Held by the one supervisor of *node* in this data folder, for its life.

    A POSIX record lock: forked runners and jobs do not inherit it.
    """

    def __init__(self, data_dir: Path, node: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(data_dir / f"supervisor.{node}.lock", flags, 0o600)

    def take(self) -> bool:
        """Return whether the lock is ours now."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def close(self) -> None:
        """Give the lock up."""
        os.close(self._file)
