"""New databases for tests: the migration runs once in a process, the others are copies.

What the migration itself does is tested in tests/contract/test_storage_migrate.py, without this.
"""

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy.engine import make_url

from jobsched.storage import Store


def migrated(url: str) -> Store:
    """Open the database at *url* in this version's shape; a SQLite file that is not there is made.

    Like ``Store.open(url, migrate=True)``, which takes twenty times as long for a new file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _make(Path(parsed.database or ""))
    return Store.open(url, migrate=True)


def _make(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_new())


@cache
def _new() -> bytes:
    """Return the bytes of a database file in which nothing is yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        Store.open(f"sqlite:///{path}", migrate=True).close()
        assert [each.name for each in Path(folder).iterdir()] == [path.name]  # all is in the file
        return path.read_bytes()
