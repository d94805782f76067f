"""A lock that the operating system or the server drops at once when its holder dies."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from jobsched.storage.database import Database
from jobsched.storage.sqlite import file_of

SCHEDULER_LOCK = 0x6A6F6273  # any number that no other program uses in the same database


class Lock(Protocol):
    """Held by one process at a time."""

    def take(self) -> bool:
        """Return whether the lock is held by this process, after trying to take it."""

    def release(self) -> None:
        """Give the lock back; nothing when it is not held."""


class FileLock:
    """A lock on the file *path*, for processes of one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        if self._handle is not None:
            return True
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class AdvisoryLock:
    """A session lock of a PostgreSQL server, for processes of any machine."""

    def __init__(self, database: Database, number: int = SCHEDULER_LOCK) -> None:
        self._database = database
        self._number = number
        self._held = ExitStack()
        self._connection: Connection | None = None

    def take(self) -> bool:
        if self._connection is not None and self._is_alive(self._connection):
            return True
        self.release()
        with ExitStack() as stack:
            connection = stack.enter_context(self._database.read())
            taken = connection.exec_driver_sql(
                "SELECT pg_try_advisory_lock(%s)", (self._number,)
            ).scalar()
            connection.commit()
            if taken:
                self._connection, self._held = connection, stack.pop_all()
        return bool(taken)

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Without its connection the lock is gone; back in the pool it would live on.
            connection.invalidate()
        self._held.close()

    @staticmethod
    def _is_alive(connection: Connection) -> bool:
        raw = connection.connection.driver_connection
        return not getattr(raw, "closed", True)


def chores_lock(database: Database) -> Lock | None:
    """Return the lock of who empties SQLite's log; None where the server does that itself."""
    if not database.is_sqlite:
        return None
    path = file_of(make_url(database.url))
    return FileLock(path.with_name(f"{path.name}.chores"))


def scheduler_lock(database: Database) -> Lock:
    """Return the lock of the scheduler: a file beside SQLite's, or one of the server."""
    if not database.is_sqlite:
        return AdvisoryLock(database)
    path = file_of(make_url(database.url))
    return FileLock(path.with_name(f"{path.name}.scheduler"))
