"""What is particular about SQLite: its settings, its transactions, its log, its numbers."""

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from jobsched.errors import ConfigurationError, DiskFull, Mistake, Unavailable

MOST_CONNECTIONS = 64
# A commit is visible at once, and on the disk only after sync().
EARLY = "PRAGMA synchronous=NORMAL"
ENGINE: Mapping[str, Any] = {
    "poolclass": NullPool,  # what is kept open is kept by Standing
    # The driver neither begins nor commits by itself; Standing does.
    "connect_args": {"timeout": 5.0, "isolation_level": None, "check_same_thread": False},
}
LONG_LOG = 4 * 2**20  # bytes; a longer one is cut once all of it is in the file
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=OFF",
    f"PRAGMA journal_size_limit={LONG_LOG}",
)
# What lies beside a database file: SQLite's own files, and the locks of :mod:`.locks`.
_BESIDE = ("", "-wal", "-shm", "-journal", ".chores", ".scheduler")
_SOUND_SINCE = (3, 51, 3)


def file_of(url: URL) -> Path:
    """Return the absolute path of the database file of *url*.

    Raises: ConfigurationError for a database in memory, which no two processes can share.
    """
    name = url.database or ""
    if name in {"", ":memory:"} or name.startswith("file:"):
        mistake = Mistake(where="DATABASE_URL", message="a SQLite database must be a plain file")
        raise ConfigurationError([mistake])
    return Path(name).absolute()


def files_of(address: str) -> Iterator[Path]:
    """Yield the file of the database at *address*, and those beside it that belong to it.

    They need not exist; copies from before a migration are left out. Nothing for a server.
    """
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        path = file_of(url)
        for name in {path, path.resolve()}:
            yield from (name.with_name(name.name + ending) for ending in _BESIDE)


def prepare(url: URL) -> None:
    """Make the file of *url* if it is absent, readable by its owner only."""
    path = file_of(url)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # Never opened here: closing it would drop the locks of every connection that this process
        # has to it, and another process that leaves would then remove the log under them.
        _require_usable(path)
    except OSError as error:
        raise _not_openable(path, error.errno) from error


def _require_usable(path: Path) -> None:
    if path.is_dir():
        raise _not_openable(path, errno.EISDIR)
    if not os.access(path, os.R_OK | os.W_OK):
        raise _not_openable(path, errno.EACCES)


def _not_openable(path: Path, number: int | None) -> ConfigurationError:
    message = f"cannot be opened: {os.strerror(number or 0)}"
    return ConfigurationError([Mistake(where=str(path), message=message)])


def connected(connection: sqlite3.Connection, *, checkpoints: bool) -> None:
    """Set up a new driver *connection*; only one process should do *checkpoints*."""
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()
    connection.create_function("jobsched_lower", 1, _lower, deterministic=True)
    connection.execute(f"PRAGMA wal_autocheckpoint={1000 if checkpoints else 0}").close()


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move the log into the file as far as no reader is in the way; cut it when it was long.

    Cutting waits for nobody: where a reader or a writer is at work, the next time will do. It
    holds the writer's lock, so that nobody begins the log anew meanwhile.
    """
    _, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if frames != moved or _log_size(connection) <= LONG_LOG:
        return
    connection.execute("PRAGMA busy_timeout=0").close()
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    finally:
        patience = ENGINE["connect_args"]["timeout"] * 1000
        connection.execute(f"PRAGMA busy_timeout={patience:.0f}").close()


def open_log(connection: sqlite3.Connection) -> int:
    """Return a descriptor of the log that *connection* is writing to. Raises: Unavailable."""
    try:
        return os.open(_log_of(connection), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"The database's log cannot be opened: {error.strerror}.") from error


def sync(log: int) -> None:
    """Return once the disk has what was written to the *log*. Raises: DiskFull, Unavailable."""
    try:
        os.fdatasync(log)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull("The disk of the database is full.") from error
        raise Unavailable(f"The disk does not take what was written: {error.strerror}.") from error


def _log_of(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2] + "-wal")


def _log_size(connection: sqlite3.Connection) -> int:
    try:
        return _log_of(connection).stat().st_size
    except FileNotFoundError:
        return 0


def new_ids(connection: Connection, table: str, count: int) -> list[int]:
    """Take *count* numbers of the AUTOINCREMENT sequence of *table*."""
    take = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ? RETURNING seq"
    last = connection.exec_driver_sql(take, (count, table)).scalar()
    if last is None:
        connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, count))
        last = count
    return [*range(last - count + 1, last + 1)]


def wal_reset_fault() -> str | None:
    """Return the version of SQLite if it is one that can damage its log (before 3.51.3)."""
    return None if sqlite3.sqlite_version_info >= _SOUND_SINCE else sqlite3.sqlite_version
