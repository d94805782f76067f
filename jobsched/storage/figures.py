"""Figures for the probes and metrics, each from a bounded number of rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from jobsched.clock import SECOND
from jobsched.model import EndedBy, Outcome, outcome_of
from jobsched.storage.database import Database
from jobsched.storage.migrate import HEAD, revision_of

_NEWEST = """
SELECT ended_by, exit_code, due_us, created_us, started_us FROM runs ORDER BY id DESC LIMIT :count
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """What became of the newest runs.

    *fired_late* and *started_late* hold, ascending, the seconds from a planned run's moment to
    its row in the queue, and to its process.
    """

    outcomes: Mapping[Outcome, int]
    fired_late: tuple[float, ...]
    started_late: tuple[float, ...]


def newest_runs(database: Database, count: int) -> Newest:
    """Return the figures of the *count* newest runs."""
    with database.read() as connection:
        rows = database.run(connection, _NEWEST, {"count": count}).all()
    ended = [outcome_of(EndedBy(by), code) for by, code, *_ in rows if by is not None]
    planned = [row for row in rows if row.due_us is not None]
    return Newest(
        outcomes=Counter(ended),
        fired_late=tuple(sorted((row.created_us - row.due_us) / SECOND for row in planned)),
        started_late=tuple(
            sorted(
                (row.started_us - row.due_us) / SECOND
                for row in planned
                if row.started_us is not None
            )
        ),
    )


def is_up_to_date(database: Database) -> bool:
    """Return whether the database has the shape that this version works with."""
    with database.read() as connection:
        return revision_of(connection) == HEAD
