"""Runs that something else executes: what their reporters say of them, and for how long not.

A report's key is the reporter's own and makes one run, however often it is told. On PostgreSQL
one lock puts these short transactions in a row; SQLite does so anyway.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text

from jobsched.model import End, EndedBy, Job, Policy, Run
from jobsched.storage import newjobs, settling
from jobsched.storage.database import Database
from jobsched.storage.newjobs import NewJob
from jobsched.storage.rows import JOB_COLUMNS, job_from, run_from
from jobsched.storage.runqueries import ONE_RUN
from jobsched.storage.settling import Settled, Settlement
from jobsched.storage.tables import jobs
from jobsched.storage.texts import policy_to_text, to_text

CLAIM = 1  # nobody else ever claims such a run
_LOCK = "SELECT pg_advisory_xact_lock(1784831090)"
_FIND = "SELECT run_id, state FROM reports WHERE key = :key"
_HEARD = "UPDATE reports SET heard_us = :now WHERE key = :key"
_ADD = "INSERT INTO reports (key, run_id, state, heard_us) VALUES (:key, :run_id, 'open', :now)"
_TOLD = "UPDATE reports SET state = 'told' WHERE key = :key"
_LOST = "UPDATE reports SET state = 'lost' WHERE run_id = :run_id"
_INSERT = """
INSERT INTO runs (job_key, name, task, state, params, policy, requested_by, created_us, started_us,
    claim, node)
VALUES (:job_key, :name, 'wrapped', 'running', :params, :policy, :requested_by, :now, :started_us,
    :claim, :node)
RETURNING id
"""
_REOPEN = """
UPDATE runs SET state = 'running', ended_us = NULL, ended_by = NULL, reason = NULL
WHERE id = :run_id AND state = 'done' AND ended_by = 'lost'
RETURNING id
"""
_STOP = "SELECT stop_by FROM runs WHERE id = :run_id AND state = 'stopping'"
_SILENT = """
SELECT p.run_id, p.heard_us, r.node FROM reports p JOIN runs r ON r.id = p.run_id
WHERE p.state = 'open' AND p.heard_us < :before ORDER BY p.heard_us LIMIT :limit
"""
_JOB = (
    jobs.select()
    .with_only_columns(*JOB_COLUMNS)
    .where(text("jobs.task = 'wrapped' AND jobs.state != 'deleted'"))  # as the index has it
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A command that runs on *node* since *started_us*, asked for by *requested_by*."""

    name: str
    node: str
    started_us: int
    params: Mapping[str, object]
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The *run* of a report: whether it is new, its end if that is new, who wants it to stop."""

    run: Run
    made: bool
    new_job: Job | None
    settled: Settled | None
    stop_by: EndedBy | None


class Reports:
    """The rows of runs that something else executes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def job(self, name: str) -> Job | None:
        """Return the oldest job called *name* for such runs."""
        with self._database.read() as connection:
            return _job(connection, name)

    def take(
        self,
        key: str,
        beginning: Beginning,
        job: Job | NewJob,
        end: Callable[[int], Settlement] | None,
        now_us: int,
    ) -> Taken:
        """Note what a reporter says: a new run of *job*, a sign of life, or the *end*.

        Of a :class:`NewJob` the name is looked for first. *end* is told the run's number; one that
        was taken for lost is corrected by it, and only the first end counts.
        """
        with self._database.write() as connection:
            self._in_a_row(connection)
            found = self._database.run(connection, _FIND, {"key": key}).first()
            new_job = None
            if found is None:
                job, new_job = self._job_for(connection, job)
                run_id, state = self._insert(connection, key, beginning, job, now_us), "open"
            else:
                run_id, state = found
                self._database.run(connection, _HEARD, {"key": key, "now": now_us})
            settled = None
            if end is not None and state != "told":
                settled = self._settle(connection, key, end(run_id), now_us)
            stop_by = self._database.run(connection, _STOP, {"run_id": run_id}).scalar()
            return Taken(
                run=run_from(connection.execute(ONE_RUN, {"run_id": run_id}).one()),
                made=found is None,
                new_job=new_job,
                settled=settled,
                stop_by=None if stop_by is None else EndedBy(stop_by),
            )

    def lose(
        self, before_us: int, reason: Callable[[str, int], str], limit: int, now_us: int
    ) -> list[Settled]:
        """End up to *limit* runs of which nothing was heard since *before_us*.

        *reason* makes a sentence of the host and when it was heard last.
        """
        with self._database.write() as connection:
            self._in_a_row(connection)
            values = {"before": before_us, "limit": limit}
            silent = self._database.rows(connection, _SILENT, values)
            ends = [
                Settlement(end=_lost(run_id, reason(node, heard_us), now_us))
                for run_id, heard_us, node in silent
            ]
            self._database.many(connection, _LOST, [{"run_id": row[0]} for row in silent])
            return settling.settle(self._database, connection, ends, now_us)

    def _in_a_row(self, connection: Connection) -> None:
        if not self._database.is_sqlite:
            connection.exec_driver_sql(_LOCK)

    def _job_for(self, connection: Connection, job: Job | NewJob) -> tuple[Job, Job | None]:
        """Return the job of a new run, and the same again if it had to be made."""
        if isinstance(job, Job):
            return job, None
        if (known := _job(connection, job.name)) is not None:
            return known, None
        made = newjobs.insert(self._database, connection, job)
        return made, made

    def _insert(
        self, connection: Connection, key: str, beginning: Beginning, job: Job, now_us: int
    ) -> int:
        values: dict[str, Any] = {
            "job_key": job.key,
            "name": beginning.name,
            "params": to_text(beginning.params),
            "policy": policy_to_text(_without_retries(job.policy)),
            "requested_by": beginning.requested_by,
            "now": now_us,
            "started_us": beginning.started_us,
            "claim": CLAIM,
            "node": beginning.node,
        }
        run_id = int(self._database.run(connection, _INSERT, values).scalar_one())
        self._database.run(connection, _ADD, {"key": key, "run_id": run_id, "now": now_us})
        return run_id

    def _settle(
        self, connection: Connection, key: str, settlement: Settlement, now_us: int
    ) -> Settled | None:
        run_id = {"run_id": settlement.end.run_id}
        if self._database.run(connection, _REOPEN, run_id).first() is not None:
            late = "It was taken for lost until its end was told."
            end = settlement.end
            reason = f"{end.reason} {late}" if end.reason else late
            settlement = replace(settlement, end=replace(end, reason=reason))
        self._database.run(connection, _TOLD, {"key": key})
        return next(iter(settling.settle(self._database, connection, [settlement], now_us)), None)


def _job(connection: Connection, name: str) -> Job | None:
    row = connection.execute(_JOB.where(jobs.c.name == name).order_by(jobs.c.key).limit(1)).first()
    return None if row is None else job_from(row)


def _without_retries(policy: Policy) -> Policy:
    """Return *policy* as it concerns a run that nothing here started: only its keeping."""
    return Policy(history=policy.history)


def _lost(run_id: int, reason: str, now_us: int) -> End:
    return End(run_id=run_id, claim=CLAIM, ended_by=EndedBy.LOST, reason=reason, ended_us=now_us)
