"""What the drivers' codes mean to a caller."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobsched.errors import DatabaseBusy, DiskFull, Unavailable
from jobsched.storage.failures import translated


def _driver(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def _sqlite(code: int) -> DBAPIError:
    return OperationalError("SELECT 1", {}, _driver(code))


def _server(state: str | None) -> DBAPIError:
    original: Any = type("OperationalError", (Exception,), {"sqlstate": state})()
    return OperationalError("SELECT 1", {}, original)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (_sqlite(sqlite3.SQLITE_BUSY), DatabaseBusy),
        (_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), DatabaseBusy),
        (_sqlite(sqlite3.SQLITE_LOCKED), DatabaseBusy),
        (_sqlite(sqlite3.SQLITE_FULL), DiskFull),
        (_sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), DiskFull),
        (_driver(sqlite3.SQLITE_FULL), DiskFull),
        (_sqlite(sqlite3.SQLITE_READONLY), Unavailable),
        (_sqlite(sqlite3.SQLITE_IOERR_WRITE), Unavailable),
        (_sqlite(sqlite3.SQLITE_CANTOPEN), Unavailable),
        (_sqlite(sqlite3.SQLITE_CORRUPT), Unavailable),
        (_server("55P03"), DatabaseBusy),
        (_server("40001"), DatabaseBusy),
        (_server("40P01"), DatabaseBusy),
        (_server("53100"), DiskFull),
        (_server("53300"), Unavailable),
        (_server("57P01"), Unavailable),
        (_server("08006"), Unavailable),
        (_server(None), Unavailable),
        (PoolTimeout("no connection"), DatabaseBusy),
        (_sqlite(sqlite3.SQLITE_ERROR), OperationalError),
        (_server("42P01"), OperationalError),
    ],
)
def test_a_failure_is_told_in_our_words(error: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning) as caught, translated():
        raise error

    assert type(caught.value) is meaning
