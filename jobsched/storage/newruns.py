"""A run on its way into the queue: asked for by someone, or the retry of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from jobsched.model import Policy, Run
from jobsched.storage import handing, moments
from jobsched.storage.database import Database
from jobsched.storage.rows import run_from
from jobsched.storage.texts import policy_to_text, to_text

# With their types: PostgreSQL finds others where the same value stands in two places.
_GIVEN = ("CAST(:task AS varchar)", "CAST(:job_key AS bigint)", "CAST(:created_us AS bigint)")
_INSERT = """
INSERT INTO runs (job_key, name, task, state, queue, priority, params, policy, requested_by,
    due_us, created_us, not_before_us, attempt, retry_of, given)
VALUES (:job_key, :name, :task, 'queued', :queue, :priority, :params, :policy, :requested_by,
    :due_us, {created_us}, :not_before_us, :attempt, :retry_of, :given)
RETURNING id, created_us
""".replace("{created_us}", moments.created(*_GIVEN))
_COPY = """
INSERT INTO runs (job_key, name, task, state, queue, priority, params, policy, requested_by,
    due_us, created_us, not_before_us, attempt, retry_of, given)
SELECT job_key, name, task, 'queued', queue, priority, params, policy, :requested_by,
    due_us, {created_us}, :not_before_us, attempt + 1, id,
    CASE WHEN open_records > 0 THEN 1 ELSE 0 END
FROM runs WHERE id = :id
RETURNING id
""".replace("{created_us}", moments.created("task", "runs.job_key", _GIVEN[2]))
_COPY_AS = _COPY.replace("(job_key", "(id, job_key", 1).replace("SELECT ", "SELECT :retry, ", 1)
_COPY_AS = _COPY_AS.replace("RETURNING id", "", 1)
_REFER = """
INSERT INTO flow_runs
    (run_id, type, flow_id, integration_id, export_id, import_id, flow_run_id)
SELECT CAST(:retry AS bigint), type, flow_id, integration_id, export_id, import_id, flow_run_id
FROM flow_runs WHERE run_id = :id
"""
_LINK = "UPDATE runs SET retried_by = :retry WHERE id = :id"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be queued; its queue and priority are those of *policy*, times microseconds.

    *record* is one that failed last in the run *retry_of*, which is gone: this one retries it.
    """

    name: str
    task: str
    created_us: int
    job_key: int | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    requested_by: str | None = None
    due_us: int | None = None
    not_before_us: int | None = None
    retry_of: int | None = None
    record: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRetry:
    """The next attempt of the run *run_id*; it is given the open records, or only *record*."""

    run_id: int
    created_us: int
    not_before_us: int | None = None
    requested_by: str | None = None
    record: int | None = None


def insert(database: Database, connection: Connection, new: NewRun, job_id: str | None) -> Run:
    """Queue *new*, a run of the job with the uuid *job_id*, in the caller's transaction."""
    values = _values(new)
    [[run_id, created_us]] = database.rows(connection, _INSERT, values)
    if new.retry_of is not None and new.record is not None:
        handing.give(database, connection, new.retry_of, run_id, new.record)
    return run_from((
        run_id, new.job_key, job_id, new.name, new.task, values["queue"], values["priority"],
        values["params"], values["policy"], new.requested_by, new.due_us, created_us,
        new.not_before_us, 1, 0, new.retry_of, None, None, None,
        "queued", None, None, None, None, None, None, 0, 0, 0, None, None, 0, 0, 0, 0,
        None,
    ))  # fmt: skip


def insert_retry(database: Database, connection: Connection, new: NewRetry) -> int:
    """Queue a copy of a run as its next attempt; link both; return its id.

    It is given the run's open records, in the same transaction.
    """
    values = {
        "id": new.run_id,
        "created_us": new.created_us,
        "not_before_us": new.not_before_us,
        "requested_by": new.requested_by,
    }
    retry = int(database.run(connection, _COPY, values).scalar_one())
    database.run(connection, _LINK, {"id": new.run_id, "retry": retry})
    database.run(connection, _REFER, {"id": new.run_id, "retry": retry})
    handing.give(database, connection, new.run_id, retry, new.record)
    return retry


def insert_retries(
    database: Database, connection: Connection, news: Sequence[NewRetry]
) -> list[int]:
    """Do for many runs at once what :func:`insert_retry` does for one, with all their records."""
    ids = database.new_ids(connection, "runs", len(news))
    rows = [
        {
            "id": new.run_id,
            "retry": retry,
            "created_us": new.created_us,
            "not_before_us": new.not_before_us,
            "requested_by": new.requested_by,
        }
        for new, retry in zip(news, ids, strict=True)
    ]
    database.many(connection, _COPY_AS, rows)
    pairs = [(new.run_id, retry) for new, retry in zip(news, ids, strict=True)]
    links = [{"id": run, "retry": retry} for run, retry in pairs]
    database.many(connection, _LINK, links)
    database.many(connection, _REFER, links)
    handing.give_all(database, connection, pairs)
    return ids


def _values(new: NewRun) -> dict[str, Any]:
    return {
        "job_key": new.job_key,
        "name": new.name,
        "task": new.task,
        "queue": new.policy.queue,
        "priority": new.policy.priority,
        "params": to_text(new.params),
        "policy": policy_to_text(new.policy),
        "requested_by": new.requested_by,
        "due_us": new.due_us,
        "created_us": new.created_us,
        "not_before_us": new.not_before_us,
        "attempt": 1,
        "retry_of": new.retry_of,
        "given": int(new.record is not None),
    }
