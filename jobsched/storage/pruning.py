"""Which finished runs nobody keeps any longer, found by index in small bites."""

from collections.abc import Sequence

from jobsched.storage import folding
from jobsched.storage.database import Database
from jobsched.storage.texts import policy_from_text

_JOBS = "SELECT key, policy FROM jobs WHERE key > :after ORDER BY key LIMIT :limit"
_KEY = "SELECT key, policy FROM jobs WHERE id = :id"
_BEYOND = """
SELECT id FROM runs WHERE job_key = :key AND state = 'done'
ORDER BY id DESC LIMIT :limit OFFSET :keep
"""
_OLD = """
SELECT id FROM runs WHERE job_key IS NULL AND state = 'done' AND ended_us < :before
ORDER BY id LIMIT :limit
"""
_OF_WEB_JOB = """
SELECT r.name, r.created_us FROM runs r JOIN jobs j ON j.key = r.job_key
WHERE r.id = :id AND r.task = 'WebJob' AND j.mode != 'continuous'
"""
_DELETE_OUTPUT = "DELETE FROM outputs WHERE run_id = :id"
_DELETE_REFERENCES = "DELETE FROM flow_runs WHERE run_id = :id"
_HIDDEN = """
SELECT f.run_id FROM flow_runs f LEFT JOIN runs r ON r.id = f.run_id
WHERE f.hidden = 1 AND coalesce(r.state, 'done') = 'done' ORDER BY f.run_id LIMIT :limit
"""
_DELETE_REPORT = "DELETE FROM reports WHERE run_id = :id"
_DELETE = "DELETE FROM runs WHERE id = :id AND state = 'done'"
Keeping = tuple[int, int | None]  # a job's number and how many of its runs it wants kept


class Pruning:
    """Finding and deleting what is older than its keeping time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self, after: int, limit: int) -> list[Keeping]:
        """Return up to *limit* jobs, deleted ones too, whose number is above *after*."""
        with self._database.read() as connection:
            values = {"after": after, "limit": limit}
            rows = self._database.run(connection, _JOBS, values).all()
        return [(key, policy_from_text(policy).history) for key, policy in rows]

    def job(self, job_id: str) -> Keeping | None:
        """Return the one job called *job_id*, deleted or not."""
        with self._database.read() as connection:
            row = self._database.run(connection, _KEY, {"id": job_id}).first()
        return None if row is None else (row[0], policy_from_text(row[1]).history)

    def beyond(self, key: int, keep: int, limit: int) -> list[int]:
        """Return finished runs of a job older than its newest *keep* finished ones."""
        values = {"key": key, "keep": keep, "limit": limit}
        with self._database.read() as connection:
            return [*self._database.run(connection, _BEYOND, values).scalars()]

    def without_job(self, before_us: int, limit: int) -> list[int]:
        """Return runs that belong to no job and ended before *before_us*."""
        values = {"before": before_us, "limit": limit}
        with self._database.read() as connection:
            return [*self._database.run(connection, _OLD, values).scalars()]

    def hidden(self, limit: int) -> list[int]:
        """Return finished runs that somebody has deleted while they lived."""
        with self._database.read() as connection:
            return [*self._database.run(connection, _HIDDEN, {"limit": limit}).scalars()]

    def web_job_runs(self, run_ids: Sequence[int]) -> list[tuple[str, int]]:
        """Return name and moment (microseconds) of those that are runs of triggered web jobs."""
        with self._database.read() as connection:
            rows = [self._database.rows(connection, _OF_WEB_JOB, {"id": one}) for one in run_ids]
        return [(name, created_us) for found in rows for name, created_us in found]

    def delete(self, run_ids: Sequence[int]) -> None:
        """Delete these finished runs with their outputs; what they tell of their days stays."""
        rows = [{"id": run_id} for run_id in run_ids]
        if rows:
            with self._database.write() as connection:
                folding.count_ends(self._database, connection, run_ids)
                self._database.many(connection, _DELETE_OUTPUT, rows)
                self._database.many(connection, _DELETE_REPORT, rows)
                self._database.many(connection, _DELETE_REFERENCES, rows)
                self._database.many(connection, _DELETE, rows)
