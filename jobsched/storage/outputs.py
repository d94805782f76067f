"""What short runs wrote; long outputs are files, which only their runner and readers touch."""

from collections.abc import Iterable

from jobsched.storage.database import Database

_GET = "SELECT out, err, chunks FROM outputs WHERE run_id = :id"
_DELETE = "DELETE FROM outputs WHERE run_id = :id"


class Outputs:
    """The outputs that are kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, run_id: int) -> tuple[bytes, bytes, str | None] | None:
        """Return (out, err, order of their chunks such as "o12e5"); None when none is kept."""
        with self._database.read() as connection:
            row = self._database.run(connection, _GET, {"id": run_id}).first()
        return None if row is None else (bytes(row[0] or b""), bytes(row[1] or b""), row[2])

    def delete(self, run_ids: Iterable[int]) -> None:
        """Delete the outputs of these runs."""
        with self._database.write() as connection:
            self._database.many(connection, _DELETE, [{"id": run_id} for run_id in run_ids])
