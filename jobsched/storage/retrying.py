"""Running again what has ended, because somebody asks for it: one run, or many in one go.

A retry is a run of its job like every other: it counts for ``max_instances``, and the job's
overlap policy says what becomes of it. Each failure is retried once: whoever comes second finds
the retry. Jobs are locked before their runs, in the order of their numbers, as everywhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from jobsched.errors import (
    Conflict,
    JobBusy,
    NotRetriable,
    RunNotFinished,
    UnknownRun,
    WrongMode,
)
from jobsched.model import (
    EndedBy,
    JobState,
    Mode,
    Outcome,
    Overlap,
    Policy,
    Run,
    RunState,
    outcome_of,
)
from jobsched.storage import stops
from jobsched.storage.database import Database
from jobsched.storage.newruns import NewRetry, insert_retries, insert_retry
from jobsched.storage.rows import run_from, select_runs
from jobsched.storage.tables import jobs, runs
from jobsched.storage.texts import policy_from_text

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_JOBS_OF = select(runs.c.job_key).where(runs.c.id.in_(_IDS)).distinct()
_JOBS = (
    select(jobs.c.key, jobs.c.id, jobs.c.mode, jobs.c.state, jobs.c.policy)
    .where(jobs.c.key.in_(_KEYS))
    .order_by(jobs.c.key)
    .with_for_update()
)
_RUNS = (
    select_runs(runs.c.given)
    .where(runs.c.id.in_(_IDS))
    .order_by(runs.c.id)
    .with_for_update(of=runs)
)
_RETRIES = select(
    runs.c.id, runs.c.state, runs.c.ended_by, runs.c.exit_code, runs.c.open_records
).where(runs.c.id.in_(_IDS))
_WHOLE = select_runs().where(runs.c.id.in_(_IDS))
_ALIVE = """
SELECT job_key, count(*), count(CASE WHEN state = 'stopping' THEN 1 END) FROM runs
WHERE state != 'done' AND job_key IN ({}) GROUP BY job_key
"""
_WRAPPED = "wrapped"
_ENDS: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "took too long",
    Outcome.IDLE: "was idle for too long",
    Outcome.STOPPED: "was stopped",
    Outcome.LOST: "was lost",
    Outcome.NOT_STARTED: "could not be started",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A run that is not retried, and why."""

    run_id: int
    error: Conflict


@dataclass(slots=True, kw_only=True)
class Demand:
    """What one request for retries has in common, however many transactions it takes.

    *barred* are tasks of which nothing is run at present, each with the reason. *made* counts the
    retries of each job (by its number) that the request has brought about so far, *begun* says
    whether it has. With a *record*, a retry is given only this one of those that failed. With
    *waits*, it is queued behind its job's other runs, whatever the overlap policy.
    """

    requested_by: str | None
    now_us: int
    barred: Mapping[str, str] = field(default_factory=dict)
    made: Counter[int] = field(default_factory=Counter)
    record: int | None = None
    waits: bool = False
    begun: bool = False


def retry(database: Database, connection: Connection, run_id: int, demand: Demand) -> Run:
    """Queue the run *run_id* as its next attempt, in the caller's transaction.

    Raises: UnknownRun, RunNotFinished, NotRetriable, WrongMode, JobBusy, Conflict.
    """
    for answer in retry_many(database, connection, [run_id], demand):
        if isinstance(answer, Refusal):
            raise answer.error
        return answer
    raise UnknownRun(run_id)


def retry_many(
    database: Database, connection: Connection, run_ids: Sequence[int], demand: Demand
) -> list[Run | Refusal]:
    """Queue each of these runs as its next attempt, in this order, or tell why not.

    Those that are not there any more are left out.
    """
    subjects = _Subjects(database, connection, run_ids)
    refused: dict[int, Refusal] = {}
    for run in subjects.runs:
        try:
            subjects.require_retriable(run, demand)
            subjects.make_room(run, demand)
        except Conflict as error:
            refused[run.id] = Refusal(run_id=run.id, error=error)
    wanted = [run.id for run in subjects.runs if run.id not in refused]
    made = _queued(database, connection, wanted, demand)
    return [refused.get(run.id) or made[run.id] for run in subjects.runs]


def _queued(
    database: Database, connection: Connection, run_ids: Sequence[int], demand: Demand
) -> dict[int, Run]:
    """Queue retries of these runs; return them by what they retry."""
    news = [
        NewRetry(
            run_id=run_id,
            created_us=demand.now_us,
            requested_by=demand.requested_by,
            record=demand.record,
        )
        for run_id in run_ids
    ]
    if demand.record is None:
        ids = insert_retries(database, connection, news) if news else []
    else:
        ids = [insert_retry(database, connection, new) for new in news]
    found = {row[0]: run_from(row) for row in connection.execute(_WHOLE, {"ids": ids})}
    return {run_id: found[retry] for run_id, retry in zip(run_ids, ids, strict=True)}


def _fate(state: str, ended_by: str | None, exit_code: int | None, open_records: int) -> str:
    """Return what has become of a run, to follow its number in a sentence."""
    if ended_by is None:
        return f"is {state}"
    end = _ENDS[outcome_of(EndedBy(ended_by), exit_code)]
    return f"{end}; retry that one" if open_records else end


@dataclass(frozen=True, slots=True)
class _Job:
    id: str
    mode: Mode
    state: JobState
    policy: Policy


class _Subjects:
    """The runs that are asked for, with their jobs; nobody else changes them meanwhile."""

    def __init__(self, database: Database, connection: Connection, run_ids: Sequence[int]) -> None:
        self._database, self._connection = database, connection
        ids = {"ids": [*run_ids]}
        keys = [key for key in connection.execute(_JOBS_OF, ids).scalars() if key is not None]
        self._jobs = {
            key: _Job(job_id, Mode(mode), JobState(state), policy_from_text(policy))
            for key, job_id, mode, state, policy in connection.execute(_JOBS, {"keys": keys})
        }
        rows = connection.execute(_RUNS, ids).all()
        found = {row[0]: run_from(row) for row in rows}
        self._given = {row[0] for row in rows if row[-1]}
        self.runs = [found[run_id] for run_id in run_ids if run_id in found]
        self._retries = self._read_retries(found.values())
        self._alive = self._read_alive(keys)

    def require_retriable(self, run: Run, demand: Demand) -> None:
        """Refuse what cannot, or need not, be run again. Raises: as :func:`retry`."""
        if run.state is not RunState.DONE:
            raise RunNotFinished(run.id)
        if run.task == _WRAPPED:
            raise NotRetriable(run.id, "jobsched wrap ran it, and nothing here can do that again")
        if run.job_key is not None:
            self._require_job(run, self._jobs.get(run.job_key))
        if run.task in demand.barred:
            raise Conflict(demand.barred[run.task], run=run.id)
        if not run.open_records:
            self._require_worth(run)

    def _require_worth(self, run: Run) -> None:
        """Refuse a run without open records that would do over again what another one does."""
        if run.retried_by is not None:
            retry, what = run.retried_by, self._retries.get(run.retried_by, "is gone")
            raise NotRetriable(run.id, f"it has a retry: run {retry} {what}", retry=retry)
        if run.retry_of is not None and run.started_at is None and run.outcome is Outcome.STOPPED:
            raise NotRetriable(run.id, f"it never started; retry run {run.retry_of} instead")
        if run.id in self._given:
            # Without records its task would do everything once more, not what it has done.
            raise NotRetriable(run.id, "the records that it was given are all resolved")

    def make_room(self, run: Run, demand: Demand) -> None:
        """Apply the overlap policy of the run's job. Raises: JobBusy under ``skip``."""
        if run.job_key is None or demand.waits:
            return
        job = self._jobs[run.job_key]
        alive, stopping = self._alive.get(run.job_key, (0, 0))
        most, overlap = job.policy.max_instances, job.policy.overlap
        if alive >= most and overlap is Overlap.SKIP:
            raise JobBusy(job.id, alive)
        if overlap is Overlap.REPLACE and alive - stopping >= most:
            if demand.made[run.job_key] >= most:
                why = f"this request has retried {most} of its job's runs, which it would stop"
                raise NotRetriable(run.id, why)
            count = alive - stopping - most + 1
            found = stops.replace_oldest(
                self._database, self._connection, run.job_key, count, demand.now_us
            )
            stopping += len(found)
        self._alive[run.job_key] = (alive + 1, stopping)
        demand.made[run.job_key] += 1

    def _require_job(self, run: Run, job: _Job | None) -> None:
        if job is None or job.state is JobState.DELETED:
            raise NotRetriable(run.id, "its job has been deleted")
        if job.mode is Mode.CONTINUOUS:
            raise WrongMode(f"Run {run.id} is of a continuous job, which starts anew by itself.")

    def _read_retries(self, found: Iterable[Run]) -> dict[int, str]:
        """Return what has become of the retries that these runs have, in words."""
        ids = [run.retried_by for run in found if run.retried_by is not None]
        rows = self._connection.execute(_RETRIES, {"ids": ids}) if ids else ()
        return {run_id: _fate(*facts) for run_id, *facts in rows}

    def _read_alive(self, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return (alive, stopping) of these jobs that have runs which are not done."""
        if not keys:
            return {}
        listed = ",".join(map(str, keys))
        rows = self._database.rows(self._connection, _ALIVE.format(listed))
        return {key: (alive, stopping) for key, alive, stopping in rows}
