"""Runs that live only as long as the client who asked for them: whose connection, and is it there.

The process that holds a client's connection also holds a lock on a file in the data folder. When
it is killed the kernel frees the lock, and whoever finds it free stops what was attached to it:
its successor, the next start of the server, or the chores of a supervisor.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from jobsched import clock
from jobsched.model import EndedBy
from jobsched.operations.announce import Announcer
from jobsched.settings import Settings
from jobsched.storage import Store

LEFT = "The client went away."
STOPPED = "The server was stopped."
_LOST = "The client's connection was lost with the process that held it."
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

# Name -> (process, descriptor) of the locks of this program. Closing another descriptor of such a
# file would free its lock: POSIX.
_held: dict[str, tuple[int, int]] = {}


class Clients:
    """What is attached to clients of this server's node."""

    def __init__(self, store: Store, settings: Settings, announce: Announcer) -> None:
        self._store = store
        self._folder = settings.data_dir / "clients"
        self._node = settings.node
        self._announce = announce
        self._name = ""

    def holder(self) -> str:
        """Return the mark of this process, for runs whose client it holds. Raises: OSError."""
        if _held.get(self._name, (0, 0))[0] != os.getpid():
            self._name = self._new_lock()
        return f"{self._node}/{self._name}"

    def left(self, run_ids: Sequence[int], reason: str = LEFT) -> None:
        """Kill these, as far as they are not done: their clients are gone. Raises: Unavailable."""
        self._store.attached.stop(run_ids, reason, clock.now_us())
        self._announce.supervisor()
        for run_id in run_ids:
            self._announce.run("stopping", run_id, "-", reason=reason)

    def stopped(self, run_id: int) -> None:
        """Stop this one, with its grace, as the server stops that holds its client.

        Raises: Unavailable; then whoever looks for lost clients ends it.
        """
        now = clock.now_us()
        self._store.attached.stop([run_id], STOPPED, now, EndedBy.SHUTDOWN)
        self._announce.supervisor()
        self._announce.run("stopping", run_id, "-", reason=STOPPED)

    def served(self, run_ids: Iterable[int]) -> None:
        """Note that these are done and their clients know. Raises: Unavailable."""
        self._store.attached.forget(run_ids)

    def bury(self) -> None:
        """Kill what was attached to processes that are no more. Raises: Unavailable."""
        attached = self._store.attached.all()  # before the locks: its holder held one by then
        dead = {name for name in self._files() if self._is_free(name)}
        lost = [run_id for run_id, holder in attached if self._is_gone(holder, dead)]
        if lost:
            self.left(lost, _LOST)
        for name in dead:
            (self._folder / name).unlink(missing_ok=True)

    def _is_gone(self, holder: str, dead: Iterable[str]) -> bool:
        """Return whether a holder is dead, or should be here and is not."""
        node, _, name = holder.rpartition("/")
        if name in dead:
            return True
        return node == self._node and not (self._folder / name).exists()

    def _files(self) -> list[str]:
        with suppress(FileNotFoundError):
            return [path.name for path in self._folder.iterdir()]
        return []

    def _is_free(self, name: str) -> bool:
        if name in _held and _held[name][0] == os.getpid():
            return False
        try:
            file = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return _locked(file)
        finally:
            os.close(file)

    def _new_lock(self) -> str:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while True:
            name = secrets.token_hex(8)
            path = self._folder / name
            file = os.open(path, _FLAGS, 0o600)
            # Whoever cleans up may have taken it for a dead one's before it was locked.
            if _locked(file) and _is_at(path, file):
                _held[name] = (os.getpid(), file)
                return name
            os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_at(path: Path, file: int) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(file).st_ino
    return False
