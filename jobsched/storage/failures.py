"""What a failing database means to the caller: the driver's codes become our errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobsched.errors import DatabaseBusy, DiskFull, JobschedError, Unavailable

_BUSY = "The database is busy; try again."
_FULL = "The disk of the database is full."
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# The second one: no room for the log's index, which is all that opening a database may need.
_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_SQLITE_FAULTS = frozenset({
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
})  # fmt: skip
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SERVER_BUSY = frozenset({"55P03", "40001", "40P01", "57014"})
_SERVER_FULL = "53100"
_SERVER_GONE = ("08", "53", "57P", "58", "28")


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseBusy, DiskFull or Unavailable where the driver reports such a thing.

    Whatever else it reports is a mistake of ours and goes through unchanged.
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusy(_BUSY) from error
    except (DBAPIError, sqlite3.Error) as error:  # the latter from the driver used directly
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError | sqlite3.Error) -> JobschedError | None:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    return _of_server(error)


def _of_sqlite(error: sqlite3.Error) -> JobschedError | None:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in _SQLITE_BUSY:
        return DatabaseBusy(_BUSY)
    if code in _SQLITE_FULL:
        return DiskFull(_FULL)
    if primary in _SQLITE_FAULTS:
        return Unavailable(f"The database cannot be used: {error}.")
    return None


def _of_server(error: DBAPIError) -> JobschedError | None:
    code = getattr(error.orig, "sqlstate", None)
    if code in _SERVER_BUSY:
        return DatabaseBusy(_BUSY)
    if code == _SERVER_FULL:
        return DiskFull(_FULL)
    if error.connection_invalidated or (code is not None and code.startswith(_SERVER_GONE)):
        return Unavailable("The database cannot be reached.")
    if code is None and type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout"}:
        return Unavailable("The database cannot be reached.")
    return None
