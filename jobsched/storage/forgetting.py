"""Failed records that nobody keeps any longer, forgotten in small bites.

What is resolved goes with the last run in which it failed. What is open outlives its runs, with the
message of its last failure, for some days.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from jobsched.storage.database import Database

# An open record keeps its failure in its last run, even if that run has gone.
_WITH_RUN = """
SELECT f.number, f.record_id FROM failures f JOIN records r ON r.id = f.record_id
WHERE f.run_id = :run AND (r.state = 'resolved' OR r.last_run_id != :run)
ORDER BY f.number LIMIT :limit
"""
_FORGET_FAILURE = "DELETE FROM failures WHERE run_id = :run AND number = :number"
_FORGET_RESOLVED = """
DELETE FROM records WHERE id = :id AND state = 'resolved'
AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.record_id = records.id)
"""
_NEXT = "SELECT id, failed_us FROM records WHERE id > :after ORDER BY id LIMIT :limit"
_ORPHAN = """
SELECT id FROM records WHERE id = :id AND state != 'retrying'
AND NOT EXISTS (
    SELECT 1 FROM failures f JOIN runs u ON u.id = f.run_id WHERE f.record_id = records.id
)
"""
_FORGET_FAILURES = "DELETE FROM failures WHERE record_id = :id"
_FORGET = "DELETE FROM records WHERE id = :id"


class Forgetting:
    """Finding and deleting records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def with_runs(self, run_ids: Sequence[int], limit: int) -> int:
        """Delete up to *limit* of what goes with each of these runs; return how many in all."""
        with self._database.write() as connection:
            return sum(self._with_run(connection, run_id, limit) for run_id in run_ids)

    def orphans(self, before_us: int, after: int, limit: int) -> int:
        """Look at *limit* records whose numbers are above *after*.

        Those that failed last before *before_us*, and of which no run is left, are deleted.
        Returns: the number to go on after; 0 at the end.
        """
        with self._database.read() as connection:
            rows = self._database.rows(connection, _NEXT, {"after": after, "limit": limit})
            old = [id_ for id_, failed_us in rows if failed_us < before_us]
            found = [
                {"id": id_} for id_ in old if self._database.rows(connection, _ORPHAN, {"id": id_})
            ]
        if found:
            with self._database.write() as connection:
                self._database.many(connection, _FORGET_FAILURES, found)
                self._database.many(connection, _FORGET, found)
        return int(rows[-1][0]) if len(rows) == limit else 0

    def _with_run(self, connection: Connection, run_id: int, limit: int) -> int:
        values = {"run": run_id, "limit": limit}
        rows = self._database.rows(connection, _WITH_RUN, values)
        failures = [{"run": run_id, "number": number} for number, _ in rows]
        self._database.many(connection, _FORGET_FAILURE, failures)
        self._database.many(connection, _FORGET_RESOLVED, [{"id": record} for _, record in rows])
        return len(rows)
