"""Reading runs: one, a page, the newest of jobs, and figures about the queue."""

import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, select

from jobsched.model import ALIVE, Run, RunState
from jobsched.storage.database import Database
from jobsched.storage.paging import Page, page_of, place_of
from jobsched.storage.rows import run_from, select_runs
from jobsched.storage.searching import RunFilter, run_conditions
from jobsched.storage.tables import jobs, runs

ONE_RUN = select_runs().where(runs.c.id == bindparam("run_id"))
# A plus before a column keeps SQLite off an index over all runs ever, in favour of the small
# partial ones over those that are not done.
_UNORDERED: ColumnElement[int] = literal_column("+runs.id")
_NO_JOB = 0  # keys begin at 1
_LIVE = """
SELECT r.id, j.id, r.state FROM runs r LEFT JOIN jobs j ON j.key = r.job_key
WHERE r.state IN ('starting', 'running', 'stopping') AND +r.id > :since
ORDER BY +r.id
"""
_ON_MACHINES = """
SELECT job_key, count(*) FROM runs
WHERE state IN ('starting', 'running', 'stopping') GROUP BY job_key
"""
_BY_STATE = "SELECT state, count(*) FROM runs WHERE state != 'done' GROUP BY state"
_QUEUED = "SELECT count(*) FROM runs WHERE state != 'done' AND state = 'queued'"
_BY_QUEUE = """
SELECT queue, count(*), min(created_us) FROM runs WHERE state = 'queued' GROUP BY queue
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """How full the server is: runs that are not done *by_state*, queued ones *by_queue*.

    *oldest_us* is when the oldest queued run was made; None when the queue is empty.
    """

    by_state: dict[RunState, int]
    by_queue: dict[str, int]
    oldest_us: int | None

    @property
    def queued(self) -> int:
        """How many runs wait."""
        return self.by_state.get(RunState.QUEUED, 0)


class RunQueries:
    """What can be asked about runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, run_id: int) -> Run | None:
        """Return the run with this id."""
        with self._database.read() as connection:
            row = connection.execute(ONE_RUN, {"run_id": run_id}).first()
        return None if row is None else run_from(row)

    def by_ids(self, ids: Iterable[int]) -> dict[int, Run]:
        """Return those of the runs *ids* that there are."""
        query = select_runs().where(runs.c.id.in_([*ids]))
        with self._database.read() as connection:
            return {row[0]: run_from(row) for row in connection.execute(query)}

    def list(self, filters: RunFilter, limit: int, cursor: str | None = None) -> Page[Run]:
        """Return up to *limit* runs that pass *filters*, newest first."""
        place = place_of(cursor)
        with self._database.read() as connection:
            key = _key_of(connection, filters.job)
            if key == _NO_JOB:
                return Page(values=[], next=None)
            rows = connection.execute(self._page(filters, key, limit, place))
            found = [run_from(row) for row in rows]
        return page_of(found, limit, lambda run: run.id)

    def due(self, filters: RunFilter, limit: int) -> builtins.list[tuple[int, int]]:
        """Return (id, open records) of up to *limit* runs that pass *filters*, newest first."""
        with self._database.read() as connection:
            key = _key_of(connection, filters.job)
            if key == _NO_JOB:
                return []
            conditions = run_conditions(self._database.dialect, filters, key)
            query = select(runs.c.id, runs.c.open_records).where(*conditions)
            rows = connection.execute(query.order_by(runs.c.id.desc()).limit(limit))
            return [(run_id, records) for run_id, records in rows]

    def count(self, filters: RunFilter) -> int:
        """Return how many runs pass *filters*."""
        with self._database.read() as connection:
            key = _key_of(connection, filters.job)
            conditions = run_conditions(self._database.dialect, filters, key)
            query = select(func.count()).select_from(runs).where(*conditions)
            return int(connection.execute(query).scalar_one())

    def _page(
        self, filters: RunFilter, key: int | None, limit: int, place: int | None
    ) -> Select[Any]:
        conditions = run_conditions(self._database.dialect, filters, key)
        if filters.state in ALIVE:
            ids = select(runs.c.id).where(*conditions).order_by(_UNORDERED.desc()).limit(limit + 1)
            if place is not None:
                ids = ids.where(_UNORDERED.op("<")(place))
            conditions = [runs.c.id.in_(ids)]
        query = select_runs().where(*conditions)
        if place is not None:
            query = query.where(runs.c.id < place)
        return query.order_by(runs.c.id.desc()).limit(limit + 1)

    def of_job(self, job_key: int, *states: RunState) -> builtins.list[Run]:
        """Return the runs of a job that are in one of *states* and not done, oldest first."""
        query = (
            select_runs()
            .where(runs.c.job_key == job_key, runs.c.state != RunState.DONE.value)
            .where(runs.c.state.in_([state.value for state in states]))
            .order_by(runs.c.id)
        )
        with self._database.read() as connection:
            return [run_from(row) for row in connection.execute(query)]

    def last_of_jobs(self, keys: Sequence[int]) -> dict[int, Run]:
        """Return the newest run of each of the jobs that has one, by the job's number."""
        newest = (
            select(runs.c.id)
            .where(runs.c.job_key == jobs.c.key)
            .order_by(runs.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = select_runs().where(runs.c.id.in_(select(newest).where(jobs.c.key.in_([*keys]))))
        with self._database.read() as connection:
            return {row[1]: run_from(row) for row in connection.execute(query)}

    def counts_of_jobs(self, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return (queued, running) of each of the jobs that has runs which are not done."""
        query = (
            select(runs.c.job_key, runs.c.state, func.count())
            .where(runs.c.state != RunState.DONE.value, runs.c.job_key.in_([*keys]))
            .group_by(runs.c.job_key, runs.c.state)
        )
        counts: dict[int, tuple[int, int]] = {}
        with self._database.read() as connection:
            for key, state, count in connection.execute(query):
                queued, running = counts.get(key, (0, 0))
                waits = state == RunState.QUEUED
                counts[key] = (queued + count, running) if waits else (queued, running + count)
        return counts

    def live(self, since_id: int = 0) -> builtins.list[tuple[int, str | None, RunState]]:
        """Return (run, job uuid, state) of what is on a machine and newer than *since_id*."""
        with self._database.read() as connection:
            rows = self._database.run(connection, _LIVE, {"since": since_id})
            return [(run_id, job_id, RunState(state)) for run_id, job_id, state in rows]

    def states(self, ids: Iterable[int]) -> dict[int, tuple[RunState, int]]:
        """Return (state, claim) of those of the runs *ids* that there are."""
        query = select(runs.c.id, runs.c.state, runs.c.claim).where(runs.c.id.in_([*ids]))
        with self._database.read() as connection:
            rows = connection.execute(query)
            return {run_id: (RunState(state), claim) for run_id, state, claim in rows}

    def on_machines(self) -> dict[int | None, int]:
        """Return how many runs are on a machine, by the number of their job (None = no job)."""
        with self._database.read() as connection:
            rows = self._database.run(connection, _ON_MACHINES).all()
        return {row[0]: row[1] for row in rows}

    def queued(self) -> int:
        """Return how many runs wait."""
        with self._database.read() as connection:
            return int(self._database.run(connection, _QUEUED).scalar_one())

    def figures(self) -> QueueFigures:
        """Return how many runs wait and live, for /status and /metrics."""
        with self._database.read() as connection:
            by_state = {
                RunState(state): count for state, count in self._database.run(connection, _BY_STATE)
            }
            queues = self._database.run(connection, _BY_QUEUE).all()
        oldest = [created for _, _, created in queues]
        return QueueFigures(
            by_state=by_state,
            by_queue={queue: count for queue, count, _ in queues},
            oldest_us=min(oldest, default=None),
        )


def _key_of(connection: Connection, job_id: str | None) -> int | None:
    """Return the number of a job, None when none is asked for, _NO_JOB when it is unknown."""
    if job_id is None:
        return None
    key = connection.execute(select(jobs.c.key).where(jobs.c.id == job_id)).scalar()
    return _NO_JOB if key is None else int(key)
