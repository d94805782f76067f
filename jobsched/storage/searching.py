"""What a list is filtered by, and the conditions for it in SQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, not_, or_

from jobsched.clock import to_us
from jobsched.model import (
    ALIVE,
    ON_A_MACHINE,
    EndedBy,
    JobState,
    Mode,
    Outcome,
    RunState,
    outcome_of,
)
from jobsched.storage.tables import jobs, runs

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; None = any. *q* is a part of name or description, in any case."""

    name: str | None = None
    task: str | None = None
    group: str | None = None
    mode: Mode | None = None
    state: JobState | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; None = any. *job* is a uuid; *since* and *until* bound the creation.

    With *open*, only those that a retry is due for: they failed, or records in them did, and have
    not been retried since. Stopped ones are such only where *outcome* asks for them. With
    *retries*, only those that are retries themselves.
    """

    state: RunState | None = None
    outcome: Outcome | None = None
    job: str | None = None
    task: str | None = None
    node: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    open: bool = False
    retries: bool = False


def job_conditions(dialect: str, filters: JobFilter) -> list[Condition]:
    """Return the conditions for *filters*; deleted jobs are never listed."""
    columns = {
        jobs.c.name: filters.name,
        jobs.c.task: filters.task,
        jobs.c.group_name: filters.group,
        jobs.c.mode: filters.mode,
        jobs.c.state: filters.state,
    }
    conditions = [jobs.c.state != JobState.DELETED.value, *_equal(columns)]
    if filters.q:
        texts = (jobs.c.name, jobs.c.description)
        conditions.append(or_(*(contains(dialect, text, filters.q) for text in texts)))
    return conditions


def run_conditions(dialect: str, filters: RunFilter, job_key: int | None) -> list[Condition]:
    """Return the conditions for *filters*, whose job has the number *job_key*."""
    columns = {runs.c.job_key: job_key, runs.c.task: filters.task, runs.c.node: filters.node}
    conditions = _equal(columns)
    if filters.state is not None:
        conditions += _in_state(filters.state, of_job=job_key is not None)
    if filters.outcome is not None:
        conditions.append(_with_outcome(filters.outcome))
    if filters.since is not None:
        conditions.append(runs.c.created_us >= to_us(filters.since))
    if filters.until is not None:
        conditions.append(runs.c.created_us < to_us(filters.until))
    if filters.q:
        conditions.append(contains(dialect, runs.c.name, filters.q))
    if filters.retries:
        conditions.append(runs.c.retry_of.is_not(None))
    if filters.open:
        conditions += _open(stopped=filters.outcome is Outcome.STOPPED)
    return conditions


def contains(dialect: str, column: ColumnElement[str], part: str) -> Condition:
    """Return the condition that *part* occurs in *column*, in upper or lower case."""
    if dialect == "sqlite" and not part.isascii():
        # SQLite itself folds the case of ASCII only; sqlite.connected() adds this function.
        return func.jobsched_lower(column).contains(part.lower(), autoescape=True)
    return column.icontains(part, autoescape=True)


def _equal(columns: dict[Any, Any]) -> list[Condition]:
    return [column == value for column, value in columns.items() if value is not None]


def _in_state(state: RunState, *, of_job: bool) -> list[Condition]:
    """Return the condition, in the words of that partial index which serves it best."""
    conditions = [f"runs.state = '{state.value}'"]
    if state in ON_A_MACHINE and not of_job:
        conditions.append("runs.state IN ('starting', 'running', 'stopping')")
    elif state in ALIVE:
        conditions.append("runs.state != 'done'")
    return [literal_column(condition) for condition in conditions]


def _open(*, stopped: bool) -> list[Condition]:
    """Return the conditions under which a run is retried together with others."""
    # In the words of the index runs_open: only a few of all runs ever are so.
    conditions = [literal_column("runs.open_records > 0"), _done(), not_(_of_service_or_deleted())]
    return conditions if stopped else [*conditions, not_(_with_outcome(Outcome.STOPPED))]


def _done() -> Condition:
    return runs.c.state == RunState.DONE.value


def _of_service_or_deleted() -> Condition:
    """Return the condition that a run's job needs no retries, or can have none any more."""
    job = jobs.alias("owner")
    without = or_(job.c.mode == Mode.CONTINUOUS.value, job.c.state == JobState.DELETED.value)
    return exists().where(and_(job.c.key == runs.c.job_key, without))


def _with_outcome(outcome: Outcome) -> Condition:
    """Return the condition on the facts of an end that ``model.outcome_of`` names *outcome*."""
    if outcome is Outcome.SUCCEEDED:
        return and_(runs.c.ended_by == EndedBy.EXIT.value, runs.c.exit_code == 0)
    if outcome is Outcome.FAILED:
        succeeded = func.coalesce(runs.c.exit_code, -1) == 0
        by_itself = and_(runs.c.ended_by == EndedBy.EXIT.value, not_(succeeded))
        return or_(by_itself, runs.c.ended_by == EndedBy.UNHEALTHY.value)
    causes = [cause.value for cause in EndedBy if outcome_of(cause, None) is outcome]
    return runs.c.ended_by.in_(causes)
