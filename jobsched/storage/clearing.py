"""Forgetting everything that was ever run or planned; who may do what, and who did it, stays."""

from jobsched.storage.database import Database
from jobsched.storage.tables import metadata

_KEPT = ("audit", "tokens")


def clear(database: Database) -> None:
    """Delete all jobs and runs with what belongs to them; on SQLite numbers begin at 1 again."""
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if table.name not in _KEPT:
                connection.execute(table.delete())
        if database.is_sqlite:
            kept = ", ".join(f"'{name}'" for name in _KEPT)
            connection.exec_driver_sql(f"DELETE FROM sqlite_sequence WHERE name NOT IN ({kept})")  # noqa: S608 - constants
