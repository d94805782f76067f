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
_OLD = """
SELECT id, failed_us FROM records
WHERE failed_us < :before AND (failed_us > :moment OR (failed_us = :moment AND id > :after))
ORDER BY failed_us, id LIMIT :limit
"""
_ORPHAN = """
SELECT id FROM records WHERE id = :id AND state != 'retrying'
AND NOT EXISTS (
    SELECT 1 FROM failures f JOIN runs u ON u.id = f.run_id WHERE f.record_id = records.id
)
"""
_FORGET_FAILURES = "DELETE FROM failures WHERE record_id = :id"
_FORGET = "DELETE FROM records WHERE id = :id"
Place = tuple[int, int]  # the moment of the last failure, id


class Forgetting:
    """Finding and deleting records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def with_runs(self, run_ids: Sequence[int], limit: int) -> int:
        """Delete up to *limit* of what goes with each of these runs; return how many in all."""
        with self._database.write() as connection:
            return sum(self._with_run(connection, run_id, limit) for run_id in run_ids)

    def orphans(self, before_us: int, after: Place, limit: int) -> Place | None:
        """Look at *limit* records that failed last before *before_us*, from *after* on.

        Those of which no run is left are deleted. Returns: where to go on; None at the end.
        """
        moment, last = after
        values = {"before": before_us, "moment": moment, "after": last, "limit": limit}
        with self._database.read() as connection:
            old = self._database.rows(connection, _OLD, values)
            found = [
                {"id": id_}
                for id_, _ in old
                if self._database.rows(connection, _ORPHAN, {"id": id_})
            ]
        if found:
            with self._database.write() as connection:
                self._database.many(connection, _FORGET_FAILURES, found)
                self._database.many(connection, _FORGET, found)
        return (old[-1][1], old[-1][0]) if len(old) == limit else None

    def _with_run(self, connection: Connection, run_id: int, limit: int) -> int:
        values = {"run": run_id, "limit": limit}
        rows = self._database.rows(connection, _WITH_RUN, values)
        failures = [{"run": run_id, "number": number} for number, _ in rows]
        self._database.many(connection, _FORGET_FAILURE, failures)
        self._database.many(connection, _FORGET_RESOLVED, [{"id": record} for _, record in rows])
        return len(rows)
