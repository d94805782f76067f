"""Which queued runs may start now: in order of priority and age, none beyond its job's limit.

A run that was asked for as a flow's starts alone, and others of its job not beside it, however
many the job may have at once.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    literal_column,
    not_,
    or_,
)

from jobsched.storage.database import Database
from jobsched.storage.rows import select_runs
from jobsched.storage.tables import flow_runs, jobs, runs

# Two machines must not each start the last run that a job may have.
_LOCK = "SELECT pg_advisory_xact_lock(5863102)"
# The plus keeps SQLite off the index over all runs ever, which has the same order.
_BUSY = """
SELECT +r.job_key, count(*), j.max_instances, count(
    CASE WHEN j.max_instances > 1 AND EXISTS (
        SELECT 1 FROM flow_runs f WHERE f.run_id = r.id AND f.type IS NOT NULL
    ) THEN 1 END
)
FROM runs r JOIN jobs j ON j.key = r.job_key
WHERE r.state IN ('starting', 'running', 'stopping') AND j.mode != 'continuous'
GROUP BY +r.job_key, j.max_instances
"""
_QUEUED: ColumnElement[bool] = literal_column("runs.state = 'queued'")  # as the index has it
_OF_FLOW = exists().where(and_(flow_runs.c.run_id == runs.c.id, flow_runs.c.type.is_not(None)))
# Where a job has one run at a time anyway, it need not be looked up.
_ALONE = case((jobs.c.max_instances > 1, _OF_FLOW), else_=false())
_WAITING: Select[Any] = (
    select_runs(jobs.c.max_instances, _ALONE)
    .where(_QUEUED)
    .where(or_(runs.c.not_before_us.is_(None), runs.c.not_before_us <= bindparam("now")))
    .order_by(runs.c.priority.desc(), runs.c.id)
    .limit(bindparam("limit"))
    .with_for_update(of=runs, skip_locked=True)
)
_FREE = or_(runs.c.job_key.is_(None), runs.c.job_key.not_in(bindparam("full", expanding=True)))
_BESIDE = not_(and_(runs.c.job_key.in_(bindparam("begun", expanding=True)), _OF_FLOW))
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
        taken = [row for row in rows if room.take(row[1], row[-2], alone=bool(row[-1]))]
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
        self._alive = {key: alive for key, alive, *_ in rows}
        self._full = {key for key, alive, most, alone in rows if alive >= most or alone}
        self._begun: set[int] = set()  # where a run waits that has to be alone

    def waiting(self, taken: list[int], limit: int) -> Sequence[AnyRow]:
        """Return up to *limit* runs that wait, without those that are certain to be refused."""
        values: dict[str, Any] = {"now": self._now_us, "limit": limit}
        if not self._full and not self._begun and not taken:
            return self._database.rows(self._connection, _WAITING, values)
        query = _WAITING
        if self._full:
            query, values = query.where(_FREE), {**values, "full": [*self._full]}
        if self._begun:
            query, values = query.where(_BESIDE), {**values, "begun": [*self._begun]}
        if taken:
            query, values = query.where(_NEW), {**values, "taken": taken}
        return self._connection.execute(query, values).all()

    def take(self, key: int | None, most: int | None, *, alone: bool) -> bool:
        """Count one more run of the job *key* if it has room for it."""
        if key is None or most is None:
            return True
        alive = self._alive.get(key, 0)
        if alive >= most:
            self._full.add(key)
            return False
        if alone and alive:
            self._begun.add(key)
            return False
        self._alive[key] = most if alone else alive + 1
        return True
