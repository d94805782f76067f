"""Making history small: what is deleted leaves a count per job and day.

An entry of the ledger that went as planned leaves that it ran, and how late; a run leaves how
it ended, and how long it took. Each is counted in the transaction that deletes it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from jobsched.clock import SECOND
from jobsched.model import EndedBy, Outcome, outcome_of
from jobsched.storage.database import Database
from jobsched.storage.tables import runs
from jobsched.storage.texts import to_text

DAY_US = 86_400 * SECOND
QUANTILES = (0.5, 0.95, 0.99, 1.0)
# From job to job along the primary key of the ledger: no index of its own is needed for this.
_RAN = """
SELECT o.job_key, o.due_us, o.late_us FROM jobs j CROSS JOIN occurrences o
WHERE j.key >= :after AND o.job_key = j.key AND o.due_us < :before AND o.outcome = 'ran'
ORDER BY j.key, o.due_us LIMIT :batch
"""
_OLD = """
SELECT o.job_key, o.due_us FROM jobs j CROSS JOIN occurrences o
WHERE j.key >= :after AND o.job_key = j.key AND o.due_us < :before
    AND coalesce(o.last_us, o.due_us) < :before
ORDER BY j.key, o.due_us LIMIT :batch
"""
_DELETE = "DELETE FROM occurrences WHERE job_key = :job_key AND due_us = :due_us"
_DAY = """
SELECT ran, ended, failed, late_quantiles, duration_quantiles FROM day_counts
WHERE job_key = :job_key AND day = :day
"""
_COUNT = """
INSERT INTO day_counts (job_key, day, ran, ended, failed, late_quantiles, duration_quantiles)
VALUES (:job_key, :day, :ran, :ended, :failed, :late, :duration)
ON CONFLICT (job_key, day) DO UPDATE
SET ran = excluded.ran, ended = excluded.ended, failed = excluded.failed,
    late_quantiles = excluded.late_quantiles, duration_quantiles = excluded.duration_quantiles
"""
_OLD_DAYS = "DELETE FROM day_counts WHERE day < :day"


_ENDS = (
    select(
        runs.c.job_key,
        func.coalesce(runs.c.due_us, runs.c.created_us),
        runs.c.ended_by,
        runs.c.exit_code,
        runs.c.ended_us - runs.c.started_us,
    )
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .where(runs.c.state == "done", runs.c.job_key.is_not(None))
)
_HARMLESS = frozenset({Outcome.SUCCEEDED, Outcome.STOPPED})


@dataclass(slots=True)
class _Day:
    """What happened to one job on one day; *late* and *duration* in microseconds."""

    late: list[int] = field(default_factory=list)
    ended: int = 0
    failed: int = 0
    duration: list[int] = field(default_factory=list)


def fold(database: Database, after: int, before_us: int, batch: int) -> tuple[int, int]:
    """Fold up to *batch* ``ran`` entries from before *before_us*, of the job *after* and later.

    Returns: how many, and the job at which to go on (0: all have been seen).
    """
    values = {"after": after, "before": before_us, "batch": batch}
    with database.read() as connection:
        rows = database.run(connection, _RAN, values).all()
    days: dict[tuple[int, int], _Day] = {}
    for key, due, late in rows:
        days.setdefault((key, due // DAY_US), _Day()).late.append(late or 0)
    if rows:
        with database.write() as connection:
            _count(database, connection, days)
            _delete(database, connection, rows)
    return len(rows), rows[-1][0] if len(rows) == batch else 0


def count_ends(database: Database, connection: Connection, run_ids: Sequence[int]) -> None:
    """Count how these runs of jobs ended, in the transaction that is about to delete them."""
    days: dict[tuple[int, int], _Day] = {}
    for key, due, ended_by, code, duration in connection.execute(_ENDS, {"ids": run_ids}).all():
        day = days.setdefault((key, due // DAY_US), _Day())
        day.ended += 1
        day.failed += outcome_of(EndedBy(ended_by), code) not in _HARMLESS
        if duration is not None:
            day.duration.append(duration)
    _count(database, connection, days)


def prune(database: Database, after: int, before_us: int, batch: int) -> tuple[int, int]:
    """Delete up to *batch* entries from before *before_us*, of the job *after* and later.

    Returns: how many, and the job at which to go on (0: all have been seen).
    """
    values = {"after": after, "before": before_us, "batch": batch}
    with database.read() as connection:
        rows = database.run(connection, _OLD, values).all()
    with database.write() as connection:
        _delete(database, connection, rows)
        if len(rows) < batch:
            database.run(connection, _OLD_DAYS, {"day": before_us // DAY_US})
    return len(rows), rows[-1][0] if len(rows) == batch else 0


def _delete(database: Database, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    database.many(connection, _DELETE, [{"job_key": row[0], "due_us": row[1]} for row in rows])


def _count(
    database: Database, connection: Connection, days: Mapping[tuple[int, int], _Day]
) -> None:
    for (key, number), day in days.items():
        place = {"job_key": key, "day": number}
        found = database.run(connection, _DAY, place).first()
        ran, ended, failed, late, duration = (0, 0, 0, None, None) if found is None else found
        values = {
            **place,
            "ran": ran + len(day.late),
            "ended": ended + day.ended,
            "failed": failed + day.failed,
            "late": _merged(late, ran, day.late),
            "duration": _merged(duration, ended, day.duration),
        }
        database.run(connection, _COUNT, values)


def _merged(text: str | None, weight: int, values: Sequence[int]) -> str | None:
    """Return the quantiles of *values* together with those in *text*, which stand for *weight*.

    Only the maximum is exact when a day is folded in several batches.
    """
    if not values:
        return text
    fresh = _quantiles(values)
    if text is None or not weight:
        return to_text(fresh)
    known = json.loads(text)
    share = weight / (weight + len(values))
    mixed = [round(a * share + b * (1 - share)) for a, b in zip(known, fresh, strict=True)]
    return to_text([*mixed[:-1], max(known[-1], fresh[-1])])


def _quantiles(values: Sequence[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[math.ceil(part * len(ordered)) - 1] for part in QUANTILES]
