"""What is particular about SQLite: its settings, its transactions, its log, its numbers."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.pool import NullPool

from jobsched.errors import ConfigurationError, Mistake

MOST_CONNECTIONS = 64
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


def prepare(url: URL) -> None:
    """Make the file of *url* if it is absent, readable by its owner only."""
    path = file_of(url)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        mistake = Mistake(where=str(path), message=f"cannot be opened: {error.strerror}")
        raise ConfigurationError([mistake]) from error


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


def _log_size(connection: sqlite3.Connection) -> int:
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        return Path(f"{path}-wal").stat().st_size
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
