"""Making the ledger small: what went as planned becomes a count per day, what is old goes."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from jobsched.clock import SECOND
from jobsched.model import RunState
from jobsched.storage.database import Database
from jobsched.storage.texts import to_text

DAY_US = 86_400 * SECOND
QUANTILES = (0.5, 0.95, 0.99, 1.0)
# From job to job along the primary key of the ledger: no index of its own is needed for this.
_RAN = """
SELECT o.job_key, o.due_us, o.late_us, r.state, r.ended_us - r.started_us, r.exit_code
FROM jobs j CROSS JOIN occurrences o LEFT JOIN runs r ON r.id = o.run_id
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
SELECT ran, failed, late_quantiles, duration_quantiles FROM day_counts
WHERE job_key = :job_key AND day = :day
"""
_COUNT = """
INSERT INTO day_counts (job_key, day, ran, failed, late_quantiles, duration_quantiles)
VALUES (:job_key, :day, :ran, :failed, :late, :duration)
ON CONFLICT (job_key, day) DO UPDATE
SET ran = excluded.ran, failed = excluded.failed, late_quantiles = excluded.late_quantiles,
    duration_quantiles = excluded.duration_quantiles
"""
_OLD_DAYS = "DELETE FROM day_counts WHERE day < :day"


@dataclass(slots=True)
class _Day:
    """What happened to one job on one day."""

    ran: int = 0
    failed: int = 0
    late: list[int] = field(default_factory=list)
    duration: list[int] = field(default_factory=list)

    def take(self, late: int | None, state: str | None, duration: int | None, code: Any) -> None:
        self.ran += 1
        self.late.append(late or 0)
        if state == RunState.DONE:
            self.failed += code != 0
        if duration is not None:
            self.duration.append(duration)


def fold(database: Database, after: int, before_us: int, batch: int) -> tuple[int, int]:
    """Fold up to *batch* ``ran`` entries from before *before_us*, of the job *after* and later.

    Failures and durations are those of the runs that are still kept.

    Returns: how many, and the job at which to go on (0: all have been seen).
    """
    values = {"after": after, "before": before_us, "batch": batch}
    with database.read() as connection:
        rows = database.run(connection, _RAN, values).all()
    days: dict[tuple[int, int], _Day] = {}
    for key, due, *facts in rows:
        days.setdefault((key, due // DAY_US), _Day()).take(*facts)
    if rows:
        with database.write() as connection:
            for place, day in days.items():
                _add(database, connection, place, day)
            _delete(database, connection, rows)
    return len(rows), rows[-1][0] if len(rows) == batch else 0


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


def _add(database: Database, connection: Connection, place: tuple[int, int], day: _Day) -> None:
    key, number = place
    found = database.run(connection, _DAY, {"job_key": key, "day": number}).first()
    ran, failed, late, duration = (0, 0, None, None) if found is None else found
    values = {
        "job_key": key,
        "day": number,
        "ran": ran + day.ran,
        "failed": failed + day.failed,
        "late": _merged(late, ran, day.late),
        "duration": _merged(duration, ran, day.duration),
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
