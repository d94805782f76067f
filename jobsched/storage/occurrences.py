"""The ledger: what became of every planned moment of every job."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from jobsched import clock
from jobsched.model import Occurrence, OccurrenceOutcome
from jobsched.storage import folding
from jobsched.storage.database import Database
from jobsched.storage.paging import Page, page_of, place_of
from jobsched.storage.rows import OCCURRENCE_COLUMNS, OMITTED, occurrence_from
from jobsched.storage.tables import occurrences

# A moment that is in the ledger keeps its first entry. What was omitted was no moment: should it
# have become one, by another calendar and a clock that went back, its run must not be lost.
UNLESS_TOLD = """ON CONFLICT (job_key, due_us) DO UPDATE
SET outcome = excluded.outcome, run_id = excluded.run_id, late_us = excluded.late_us,
    reason = excluded.reason, last_us = excluded.last_us, count = excluded.count
WHERE occurrences.outcome = 'omitted'"""
_INSERT = """
INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us, reason, last_us, count)
VALUES (:job_key, :due_us, :outcome, :run_id, :late_us, :reason, :last_us, :count)
{unless_told}
""".replace("{unless_told}", UNLESS_TOLD)
_BEFORE = """
SELECT due_us, last_us FROM occurrences WHERE job_key = :job_key AND due_us < :due_us
ORDER BY due_us DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOccurrence:
    """One moment for the ledger, or with *count* > 1 a stretch up to *last_us*.

    What its trigger *omitted* is shown as skipped, and gives way to a moment.
    """

    due_us: int
    outcome: OccurrenceOutcome
    reason: str | None = None
    run_id: int | None = None
    late_us: int | None = None
    last_us: int | None = None
    count: int = 1
    omitted: bool = False


def write(
    database: Database, connection: Connection, job_key: int, entries: Sequence[NewOccurrence]
) -> None:
    """Add *entries* of one job to the ledger inside the caller's transaction."""
    rows = [
        {
            "job_key": job_key,
            "due_us": entry.due_us,
            "outcome": OMITTED if entry.omitted else entry.outcome.value,
            "run_id": entry.run_id,
            "late_us": entry.late_us,
            "reason": entry.reason,
            "last_us": entry.last_us,
            "count": entry.count,
        }
        for entry in entries
    ]
    database.many(connection, _INSERT, rows)


class Occurrences:
    """The ledger of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fold_at = 0  # the jobs at which the next fold and the next prune go on
        self._prune_at = 0

    def list(
        self, job_key: int, from_us: int, to_us: int, limit: int, cursor: str | None = None
    ) -> Page[Occurrence]:
        """Return up to *limit* entries with moments in [from_us, to_us), newest first."""
        due = occurrences.c.due_us
        place = place_of(cursor)
        before = to_us if place is None else min(to_us, place)
        with self._database.read() as connection:
            first = self._first(connection, job_key, from_us)
            query = (
                select(*OCCURRENCE_COLUMNS)
                .where(occurrences.c.job_key == job_key, due >= first, due < before)
                .order_by(due.desc())
                .limit(limit + 1)
            )
            found = [occurrence_from(row) for row in connection.execute(query)]
        return page_of(found, limit, lambda entry: clock.to_us(entry.due_at))

    def fold(self, now_us: int, older_than: int, batch: int) -> int:
        """Turn up to *batch* ``ran`` entries from before *older_than* into counts per day.

        Returns: how many; 0 when there are none left.
        """
        before = min(now_us, older_than)
        folded, self._fold_at = folding.fold(self._database, self._fold_at, before, batch)
        return folded

    def prune(self, now_us: int, days: int, batch: int) -> int:
        """Delete up to *batch* entries older than *days*; return how many, 0 at the end."""
        before = now_us - days * folding.DAY_US
        pruned, self._prune_at = folding.prune(self._database, self._prune_at, before, batch)
        return pruned

    def _first(self, connection: Connection, job_key: int, from_us: int) -> int:
        """Return the beginning of the stretch that reaches over *from_us*, or that itself."""
        values = {"job_key": job_key, "due_us": from_us}
        row = self._database.run(connection, _BEFORE, values).first()
        reaches = row is not None and row.last_us is not None and row.last_us >= from_us
        return row.due_us if row is not None and reaches else from_us
