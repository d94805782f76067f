"""SQLite connections that stay open from one transaction to the next.

SQLAlchemy's pool and its bookkeeping of transactions cost ten times what SQLite itself needs to
begin and commit, and most of all where it matters: after a pause, with cold caches. So these
connections never go back to the pool, and transactions are begun and ended at the driver.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from jobsched.errors import DatabaseBusy

_FAULTS_OF_THE_FILE = frozenset({
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
})  # fmt: skip


class Standing:
    """Gives a connection to one user at a time; makes at most *most* of them.

    *setup* is a statement for each of them.

    Raises: DatabaseBusy after *patience* seconds without one.
    """

    def __init__(
        self, engine: Engine, most: int, patience: float, setup: str | None = None
    ) -> None:
        self._engine = engine
        self._patience = patience
        self._setup = setup
        self._room = threading.BoundedSemaphore(most)
        self._idle: list[Connection] = []  # the last one used is the warmest

    @contextmanager
    def transaction(self, begin: str) -> Iterator[Connection]:
        """Give a connection within a transaction that *begin* opens; undo it on an error."""
        with self.connection() as connection:
            driver = driver_of(connection)
            driver.execute(begin)
            yield connection
            driver.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection; whatever it has begun is undone on an error."""
        if not self._room.acquire(timeout=self._patience):
            raise DatabaseBusy("The database is busy; try again.")
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException as error:
                if _blames_the_file(error):
                    # SQLite finds out only when it opens a file whether it may write: what was
                    # opened while the disk could only be read would fail for ever.
                    _give_up(connection)
                    self.close()
                elif _rolled_back(connection):
                    self._idle.append(connection)
                raise
            self._idle.append(connection)
        finally:
            self._room.release()

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
            if self._setup is not None:
                driver_of(connection).execute(self._setup).close()
            return connection

    def close(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            self._idle.pop().close()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, for statements past SQLAlchemy."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - narrows a type
    return driver


def _rolled_back(connection: Connection) -> bool:
    """Undo what *connection* has begun; return whether it is good for anything else."""
    try:
        driver_of(connection).rollback()
    except sqlite3.Error:
        _give_up(connection)
        return False
    return True


def _give_up(connection: Connection) -> None:
    connection.invalidate()
    connection.close()


def _blames_the_file(error: BaseException) -> bool:
    """Return whether a connection made anew may succeed where this one did not."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _FAULTS_OF_THE_FILE
