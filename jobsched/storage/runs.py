"""Runs as users change them: asked for, stopped, retried; and what a live one reports."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select

from jobsched import clock
from jobsched.errors import JobBusy, RunAlreadyFinished, UnknownJob, UnknownRun
from jobsched.model import Counts, EndedBy, Overlap, Run, RunState, overlap_allows
from jobsched.storage import idempotency, retrying, stops
from jobsched.storage.database import Database
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.newruns import NewRun, insert
from jobsched.storage.retrying import Demand, Refusal
from jobsched.storage.rows import run_from
from jobsched.storage.runqueries import ONE_RUN, RunQueries
from jobsched.storage.tables import jobs, runs

# The lock lets two requests for one job take turns where the database has several writers.
_JOB_LOCKED = (
    select(jobs.c.id)
    .where(jobs.c.key == bindparam("key"), jobs.c.state != "deleted")
    .with_for_update()
)
_RUN_LOCKED = ONE_RUN.with_for_update(of=runs)
_ALIVE = """
SELECT count(*), count(CASE WHEN state = 'stopping' THEN 1 END) FROM runs
WHERE job_key = :key AND state != 'done'
"""
_REPORT = """
UPDATE runs SET successes = :success, errors = :error, ignores = :ignore,
    progress = coalesce(:progress, progress), progress_text = coalesce(:text, progress_text)
WHERE id = :id AND claim = :claim AND state != 'done'
"""


class Runs(RunQueries):
    """All runs of the database."""

    def add(
        self,
        new: NewRun,
        key: IdempotencyKey | None = None,
        visible: Callable[[], None] = lambda: None,
    ) -> Run:
        """Queue one run that was asked for; under ``replace`` it stops the oldest.

        With an idempotency *key* that has already made a run, that one is returned. *visible* is
        called when supervisors can claim it, while the disk is still busy with it: a claim is
        on the disk before anything starts, and takes the run with it.

        Raises: JobBusy under ``skip`` when it may not start; UnknownJob; KeyReused.
        """
        with self._database.write_early(visible) as connection:
            return _once(
                self._database, connection, key, lambda: enqueue(self._database, connection, new)
            )

    def retry(
        self,
        run_id: int,
        requested_by: str | None = None,
        key: IdempotencyKey | None = None,
        *,
        record: int | None = None,
        waits: bool = False,
        barred: Mapping[str, str] | None = None,
    ) -> Run:
        """Queue the run again as its next attempt; the options are those of ``retrying.Demand``.

        Raises: UnknownRun, RunNotFinished, NothingToRetry, NotRetriable, WrongMode for a
            continuous job's run, JobBusy under ``skip`` when it may not start, Conflict, KeyReused.
        """
        demand = Demand(
            requested_by=requested_by,
            now_us=clock.now_us(),
            barred=barred or {},
            record=record,
            waits=waits,
        )
        with self._database.write() as connection:
            return _once(
                self._database,
                connection,
                key,
                lambda: retrying.retry(self._database, connection, run_id, demand),
            )

    def retry_many(
        self,
        run_ids: Sequence[int],
        demand: Demand,
        key: IdempotencyKey | None = None,
        told: Callable[[Sequence[Run | Refusal]], str] = lambda _: "",
    ) -> list[Run | Refusal]:
        """Queue each of these runs as its next attempt, in one transaction, or tell why not.

        With a *key*, what *told* makes of the answers is kept as its result; the first call of a
        *demand* takes the key. Raises: KeyTaken when it has a result already, KeyReused.
        """
        with self._database.write() as connection:
            if key is not None and not demand.begun:
                idempotency.take(self._database, connection, key, demand.now_us)
            answers = retrying.retry_many(self._database, connection, run_ids, demand)
            if key is not None:
                idempotency.finish(self._database, connection, key, told(answers))
        demand.begun = True
        return answers

    def request_stop(self, run_id: int, ended_by: EndedBy, reason: str | None, now_us: int) -> Run:
        """Ask a run to stop; one that still waits is done at once.

        Raises: UnknownRun, RunAlreadyFinished.
        """
        with self._database.write() as connection:
            if _locked(connection, run_id).state is RunState.DONE:
                raise RunAlreadyFinished(run_id)
            stops.stop(self._database, connection, run_id, ended_by, reason, now_us)
            return _one(connection, run_id)

    def report(
        self,
        run_id: int,
        claim: int,
        counts: Counts,
        progress: float | None = None,
        text: str | None = None,
    ) -> bool:
        """Show what a live run has counted so far and its *progress* (0 to 1).

        Returns: False when it is done, or is in another claim.
        """
        values = {
            "id": run_id,
            "claim": claim,
            "success": counts.success,
            "error": counts.error,
            "ignore": counts.ignore,
            "progress": progress,
            "text": None if text is None else text[:200],
        }
        with self._database.write() as connection:
            return self._database.run(connection, _REPORT, values).rowcount == 1


def enqueue(database: Database, connection: Connection, new: NewRun) -> Run:
    """Queue one run that was asked for, in the caller's transaction; raises as ``Runs.add``."""
    job_id = None
    if new.job_key is not None:
        job_id = _make_room(database, connection, new, new.job_key)
    return insert(database, connection, new, job_id)


def _make_room(database: Database, connection: Connection, new: NewRun, job_key: int) -> str:
    """Return the uuid of the job if one more run of it may be made."""
    job_id = connection.execute(_JOB_LOCKED, {"key": job_key}).scalar()
    if job_id is None:
        raise UnknownJob(str(job_key))
    policy = new.policy
    alive, stopping = database.run(connection, _ALIVE, {"key": job_key}).one()
    if not overlap_allows(policy, alive):
        raise JobBusy(job_id, alive)
    too_many = alive - stopping - policy.max_instances + 1
    if too_many > 0 and policy.overlap is Overlap.REPLACE:
        stops.replace_oldest(database, connection, job_key, too_many, new.created_us)
    return str(job_id)


def _once(
    database: Database,
    connection: Connection,
    key: IdempotencyKey | None,
    make: Callable[[], Run],
) -> Run:
    """Return the run that *key* has already made, else *make* it and keep that."""
    if key is None:
        return make()
    made = idempotency.earlier(database, connection, key, clock.now_us())
    if made is not None:
        return _one(connection, int(made))
    run = make()
    idempotency.finish(database, connection, key, str(run.id))
    return run


def _one(connection: Connection, run_id: int) -> Run:
    row = connection.execute(ONE_RUN, {"run_id": run_id}).first()
    if row is None:
        raise UnknownRun(run_id)
    return run_from(row)


def _locked(connection: Connection, run_id: int) -> Run:
    """Return the run, whose row nobody else can change during this transaction."""
    row = connection.execute(_RUN_LOCKED, {"run_id": run_id}).first()
    if row is None:
        raise UnknownRun(run_id)
    return run_from(row)
