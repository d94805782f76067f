"""One database: connections, transactions, and what its failures mean to a caller.

SQLite gets real transactions: the driver's own are switched off, ``write()`` begins with BEGIN
IMMEDIATE, so that it never finds out in mid-transaction that somebody else is writing.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from sqlalchemy import URL, Connection, CursorResult, Engine, Select, create_engine, event
from sqlalchemy.dialects.sqlite import dialect as SQLiteDialect  # noqa: N812 - it is a class
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from jobsched.errors import ConfigurationError, DatabaseBusy, Mistake
from jobsched.storage import sqlite
from jobsched.storage.failures import translated
from jobsched.storage.standing import Standing, driver_of

BUSY_SECONDS = 5.0
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_NO_DRIVER = "PostgreSQL's driver is missing: pip install 'psycopg[binary]'"
_LOCK_TIMEOUT = "SET lock_timeout = '5s'"


class Database:
    """The database at *url*; one per process, safe for any number of threads.

    Raises: ConfigurationError when the url names no database that jobsched knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._checkpoints = False
        self._inherited: list[object] = []
        self._engine = self._create(url)
        self.dialect: str = self._engine.dialect.name  # ``sqlite`` or ``postgresql``
        self.is_sqlite = self.dialect == "sqlite"
        self._standing, self._early = self._new_standing(), self._new_standing(sqlite.EARLY)
        # SQLite waits for another writer by sleeping and asking again; threads of one process
        # get their turn in order and at once through this lock.
        self._turn = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading; all its reads on SQLite see one moment.

        Raises: DatabaseBusy, Unavailable.
        """
        with translated():
            if self.is_sqlite:
                with self._standing.transaction("BEGIN") as connection:
                    yield connection
            else:
                with self._engine.connect() as connection:
                    yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are committed at the end, or all undone on an error.

        Raises: DatabaseBusy after 5 seconds without a turn, DiskFull, Unavailable.
        """
        with translated():
            if self.is_sqlite:
                with self._my_turn(), self._standing.transaction("BEGIN IMMEDIATE") as connection:
                    yield connection
            else:
                with self._engine.begin() as connection:
                    yield connection

    @contextmanager
    def write_early(self, visible: Callable[[], None]) -> Iterator[Connection]:
        """Like :meth:`write`, but *visible* is called once others see the changes.

        On SQLite that is before the disk has them; they are on the disk when this returns. So
        whoever acts on the hint must commit something first: the log is one file, and their sync
        is ours.

        Raises: as :meth:`write`, and then others may have seen the changes all the same.
        """
        if not self.is_sqlite:
            with self.write() as connection:
                yield connection
            visible()
            return
        with translated(), self._my_turn(), ExitStack() as stack:
            with self._early.transaction("BEGIN IMMEDIATE") as connection:
                # Now, not after the commit: without descriptors nothing must have been done.
                log = sqlite.open_log(driver_of(connection))
                stack.callback(os.close, log)
                yield connection
            visible()
            sqlite.sync(log)

    def run(
        self, connection: Connection, statement: str, values: Mapping[str, Any] | None = None
    ) -> "CursorResult[*tuple[Any, ...]]":
        """Execute SQL text with ``:name`` parameters, past SQLAlchemy's compiler."""
        return connection.exec_driver_sql(self.text(statement), dict(values or {}))

    def rows(
        self,
        connection: Connection,
        query: str | Select[Any],
        values: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Execute SQL text or a constant *query* by the shortest way and return its rows.

        For what somebody waits for: after a pause SQLAlchemy's part of a statement takes longer
        than all of SQLite's.
        """
        if self.is_sqlite:
            text, constants = (query, {}) if isinstance(query, str) else _sqlite_text(query)
            return driver_of(connection).execute(text, {**constants, **(values or {})}).fetchall()
        if isinstance(query, str):
            return [tuple(row) for row in self.run(connection, query, values)]
        return [tuple(row) for row in connection.execute(query, values)]

    def many(
        self, connection: Connection, statement: str, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Execute SQL text once for each of *rows* (dicts), in one go; nothing when empty."""
        if rows and self.is_sqlite:
            driver_of(connection).executemany(statement, rows)
        elif rows:
            connection.exec_driver_sql(self.text(statement), [*map(dict, rows)])

    def text(self, statement: str) -> str:
        """Return *statement* with its ``:name`` parameters in the form the driver wants."""
        return statement if self.is_sqlite else _pyformat(statement)

    def new_ids(self, connection: Connection, table: str, count: int) -> list[int]:
        """Take *count* new numbers for rows of *table* (``jobs``, ``runs``), ascending.

        Inside a write transaction only: on SQLite the numbers are those of AUTOINCREMENT.
        """
        if not self.is_sqlite:
            statement = (
                "SELECT nextval(pg_get_serial_sequence(:name, :column))"
                " FROM generate_series(1, :count)"
            )
            column = "key" if table == "jobs" else "id"
            values = {"name": table, "column": column, "count": count}
            return [*self.run(connection, statement, values).scalars()]
        return sqlite.new_ids(connection, table, count)

    def own_checkpoints(self) -> None:
        """Make this the one process that moves SQLite's log into its file."""
        self._checkpoints = True
        self.close()

    def checkpoint(self) -> None:
        """Move what SQLite's log holds into the file; call it when idle, in the owner only."""
        if not self.is_sqlite:
            return
        with translated(), self._my_turn(), self._standing.connection() as connection:
            sqlite.checkpoint(driver_of(connection))

    def dispose_after_fork(self) -> None:
        """Forget the connections of the parent process without closing them."""
        # Closing SQLite's would drop locks that belong to the parent's file descriptors.
        self._inherited += [self._engine.pool, self._standing, self._early]
        self._standing, self._early = self._new_standing(), self._new_standing(sqlite.EARLY)
        self._engine.dispose(close=False)
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._standing.close()
        self._early.close()
        self._engine.dispose()

    def _new_standing(self, setup: str | None = None) -> Standing:
        return Standing(self._engine, sqlite.MOST_CONNECTIONS, BUSY_SECONDS, setup)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy("The database is busy; try again.")
        try:
            yield
        finally:
            self._turn.release()

    def _create(self, url: str) -> Engine:
        parsed = parse(url)
        if parsed.get_backend_name() == "sqlite":
            sqlite.prepare(parsed)
            engine = create_engine(parsed, **sqlite.ENGINE)
        else:
            engine = _server_engine(parsed)
        event.listen(engine, "connect", self._connected)
        return engine

    def _connected(self, connection: Any, _: ConnectionPoolEntry) -> None:
        if self.is_sqlite:
            sqlite.connected(connection, checkpoints=self._checkpoints)
        else:
            with connection.cursor() as cursor:
                cursor.execute(_LOCK_TIMEOUT)
            connection.commit()


def parse(url: str) -> URL:
    """Return *url* in its parts, with the driver that jobsched uses.

    Raises: ConfigurationError when it is not the url of a database that jobsched can use.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _unusable(str(error)) from error
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise _unusable(f"{parsed.drivername!r} is neither sqlite nor postgresql")
    return parsed


def require_driver(url: str) -> None:
    """Refuse the *url* of a database whose driver is not installed. Raises: ConfigurationError."""
    if parse(url).drivername == "postgresql+psycopg" and find_spec("psycopg") is None:
        raise _unusable(_NO_DRIVER)


def _server_engine(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            pool_size=16,
            max_overflow=48,
            pool_timeout=BUSY_SECONDS,
            pool_use_lifo=True,
            connect_args={"connect_timeout": 5},
        )
    except (ArgumentError, NoSuchModuleError) as error:
        raise _unusable(str(error)) from error
    except ModuleNotFoundError as error:
        raise _unusable(_NO_DRIVER) from error


def _unusable(why: str) -> ConfigurationError:
    mistake = Mistake(where="DATABASE_URL", message=f"cannot be used: {why}")
    return ConfigurationError([mistake])


@lru_cache(maxsize=64)
def _sqlite_text(query: Select[Any]) -> tuple[str, dict[str, Any]]:
    """Return the SQL of *query* with ``:name`` parameters, and the values that it brings along."""
    compiled = query.compile(dialect=SQLiteDialect(paramstyle="named"))
    return str(compiled), {k: v for k, v in compiled.params.items() if v is not None}


@lru_cache(maxsize=256)
def _pyformat(statement: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
