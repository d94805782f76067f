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
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=OFF",
    "PRAGMA journal_size_limit=67108864",
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
