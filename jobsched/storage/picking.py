"""Which queued runs may start now: in order of priority and age, none beyond its job's limit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    literal_column,
    or_,
)

from jobsched.storage.database import Database
from jobsched.storage.rows import select_runs
from jobsched.storage.tables import jobs, runs

# Two machines must not each start the last run that a job may have.
_LOCK = "SELECT pg_advisory_xact_lock(5863102)"
# The plus keeps SQLite off the index over all runs ever, which has the same order.
_BUSY = """
SELECT +r.job_key, count(*), j.max_instances
FROM runs r JOIN jobs j ON j.key = r.job_key
WHERE r.state IN ('starting', 'running', 'stopping') AND j.mode != 'continuous'
GROUP BY +r.job_key, j.max_instances
"""
_QUEUED: ColumnElement[bool] = literal_column("runs.state = 'queued'")  # as the index has it
_WAITING: Select[Any] = (
    select_runs(jobs.c.max_instances)
    .where(_QUEUED)
    .where(or_(runs.c.not_before_us.is_(None), runs.c.not_before_us <= bindparam("now")))
    .order_by(runs.c.priority.desc(), runs.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=runs, skip_locked=True)
)
_FREE = or_(runs.c.job_key.is_(None), runs.c.job_key.not_in(bindparam("full", expanding=True)))
_NEW = runs.c.id.not_in(bindparam("taken", expanding=True))

AnyRow = Sequence[Any]


def pick(database: Database, connection: Connection, limit: int, now_us: int) -> list[AnyRow]:
    """Return up to *limit* rows of RUN_COLUMNS that may start, inside the caller's transaction."""
    if not database.is_sqlite:
        database.run(connection, _LOCK)
    room = _Room(database, connection, now_us)
    picked: list[AnyRow] = []
    while len(picked) < limit:
        wanted = limit - len(picked)
        rows = room.waiting([row[0] for row in picked], wanted)
        taken = [row for row in rows if room.take(row[1], row[-1])]
        picked += taken
        # Fewer than asked for: the queue has nothing more. None refused: all is taken.
        if len(rows) < wanted or len(taken) == len(rows):
            break
    return picked


class _Room:
    """How many more runs of each job may start."""

    def __init__(self, database: Database, connection: Connection, now_us: int) -> None:
        self._database, self._connection, self._now_us = database, connection, now_us
        rows = database.rows(connection, _BUSY)
        self._alive = {key: alive for key, alive, _ in rows}
        self._full = {key for key, alive, most in rows if alive >= most}

    def waiting(self, taken: list[int], limit: int) -> Sequence[AnyRow]:
        """Return up to *limit* runs that wait, without those that are certain to be refused."""
        values: dict[str, Any] = {"now": self._now_us, "limit": limit}
        if not self._full and not taken:
            return self._database.rows(self._connection, _WAITING, values)
        query = _WAITING
        if self._full:
            query, values = query.where(_FREE), {**values, "full": [*self._full]}
        if taken:
            query, values = query.where(_NEW), {**values, "taken": taken}
        return self._connection.execute(query, values).all()

    def take(self, key: int | None, most: int | None) -> bool:
        """Count one more run of the job *key* if it has room for it."""
        if key is None or most is None:
            return True
        alive = self._alive.get(key, 0)
        if alive >= most:
            self._full.add(key)
            return False
        self._alive[key] = alive + 1
        return True
