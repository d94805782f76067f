"""The jobs: added, found, changed with a compare-and-set on their version, deleted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from jobsched import clock
from jobsched.errors import StaleVersion, UnknownJob
from jobsched.model import Job, JobState, Mode, Policy
from jobsched.storage import idempotency, occurrences
from jobsched.storage.database import Database
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.newjobs import NewJob, insert
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.paging import Page, page_of, place_of
from jobsched.storage.rows import JOB_COLUMNS, job_from
from jobsched.storage.searching import JobFilter, job_conditions
from jobsched.storage.tables import jobs
from jobsched.storage.texts import policy_to_text, to_text

_DELETE = """
UPDATE jobs SET state = 'deleted', state_reason = NULL, next_us = NULL, paused_us = NULL,
    paused_until_us = NULL, updated_us = :now, version = version + 1
WHERE id = :id AND state != 'deleted'
"""
_DELETE_AT = f"{_DELETE} AND version = :version"
_CHANGEABLE = frozenset({
    "name", "task", "mode", "trigger", "policy", "params", "group", "tags", "description", "state",
    "state_reason", "next_us", "paused_us", "paused_until_us", "seen_us",
})  # fmt: skip


class Jobs:
    """All jobs of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewJob, key: IdempotencyKey | None = None) -> Job:
        """Store *new*, or revive the deleted job with its id; return the job.

        With an idempotency *key* that has already made a job, that one is returned.

        Raises: Conflict when the id is in use; KeyReused.
        """
        with self._database.write() as connection:
            if key is None:
                return insert(self._database, connection, new)
            made = idempotency.earlier(self._database, connection, key, clock.now_us())
            if made is not None:
                return self._found(connection, made)
            job = insert(self._database, connection, new)
            idempotency.finish(self._database, connection, key, job.id)
            return job

    def get(self, job_id: str, *, deleted: bool = False) -> Job | None:
        """Return the job with the uuid *job_id*; with *deleted* even when it is deleted."""
        with self._database.read() as connection:
            row = connection.execute(_by_id(job_id)).first()
        if row is None or (row.state == JobState.DELETED and not deleted):
            return None
        return job_from(row)

    def by_keys(self, keys: Iterable[int]) -> dict[int, Job]:
        """Return the jobs with these internal numbers, deleted ones as well."""
        query = select(*JOB_COLUMNS).where(jobs.c.key.in_([*keys]))
        with self._database.read() as connection:
            return {row.key: job_from(row) for row in connection.execute(query)}

    def list(self, filters: JobFilter, limit: int, cursor: str | None = None) -> Page[Job]:
        """Return up to *limit* jobs that pass *filters*, oldest first."""
        query = select(*JOB_COLUMNS).where(*job_conditions(self._database.dialect, filters))
        query = query.order_by(jobs.c.key).limit(limit + 1)
        if (place := place_of(cursor)) is not None:
            query = query.where(jobs.c.key > place)
        with self._database.read() as connection:
            found = [job_from(row) for row in connection.execute(query)]
        return page_of(found, limit, lambda job: job.key)

    def change(
        self,
        job_id: str,
        version: int | None,
        changes: Mapping[str, object],
        ledger: Sequence[NewOccurrence] = (),
        due_us: int | None = None,
    ) -> Job:
        """Give the job new values and the next version; enter *ledger* in the same transaction.

        *changes* has fields of NewJob (times as microseconds). A *version* must be
        the present one, and so must a next moment *due_us*: firing does not count as a version.

        Raises: UnknownJob, StaleVersion.
        """
        with self._database.write() as connection:
            at = (job_id, version, due_us)
            return change(self._database, connection, at, changes, ledger)

    def delete(self, job_id: str, version: int | None = None) -> bool:
        """Take the job off the list for good; return whether it was on it (at *version*)."""
        with self._database.write() as connection:
            return delete(self._database, connection, job_id, version)

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state; states without jobs are absent."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with self._database.read() as connection:
            return {JobState(state): count for state, count in connection.execute(query)}

    def _found(self, connection: Connection, job_id: str) -> Job:
        row = connection.execute(_by_id(job_id)).first()
        if row is None:
            raise UnknownJob(job_id)
        return job_from(row)


def change(
    database: Database,
    connection: Connection,
    at: tuple[str, int | None, int | None],
    changes: Mapping[str, object],
    ledger: Sequence[NewOccurrence] = (),
) -> Job:
    """Change a job inside the caller's transaction.

    *at* is its uuid and, where they must be the present ones, its version and next time.

    Raises: UnknownJob, StaleVersion.
    """
    job_id, version, due_us = at
    query = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state != JobState.DELETED.value)
        .values(**_stored(changes), version=jobs.c.version + 1, updated_us=clock.now_us())
        .returning(*JOB_COLUMNS)
    )
    if version is not None:
        query = query.where(jobs.c.version == version)
    if due_us is not None:
        query = query.where(jobs.c.next_us == due_us)
    row = connection.execute(query).first()
    if row is None:
        raise _why_unchanged(connection, job_id)
    occurrences.write(database, connection, row.key, ledger)
    return job_from(row)


def delete(database: Database, connection: Connection, job_id: str, version: int | None) -> bool:
    """Delete a job inside the caller's transaction; return whether it was there (at *version*)."""
    values: dict[str, Any] = {"id": job_id, "now": clock.now_us()}
    if version is not None:
        values["version"] = version
    query = _DELETE if version is None else _DELETE_AT
    return database.run(connection, query, values).rowcount == 1


def _why_unchanged(connection: Connection, job_id: str) -> Exception:
    row = connection.execute(_by_id(job_id)).first()
    if row is None or row.state == JobState.DELETED:
        return UnknownJob(job_id)
    return StaleVersion(
        f"Job {job_id} has been changed since: it is at version {row.version}.",
        version=row.version,
    )


def _by_id(job_id: str) -> Select[Any]:
    return select(*JOB_COLUMNS).where(jobs.c.id == job_id)


def _stored(changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the columns for *changes* to fields of a job."""
    if unknown := changes.keys() - _CHANGEABLE:
        raise KeyError(*sorted(unknown))
    columns: dict[str, Any] = {}
    for name, value in changes.items():
        columns |= _column(name, value)
    return columns


def _column(name: str, value: Any) -> dict[str, Any]:
    match name:
        case "policy":
            assert isinstance(value, Policy)  # noqa: S101 - narrows a type
            return {"policy": policy_to_text(value), "max_instances": value.max_instances}
        case "trigger" | "params":
            return {name: to_text(value)}
        case "tags":
            return {"tags": to_text(list(value))}
        case "group":
            return {"group_name": value}
        case "state" | "mode":
            return {name: (JobState if name == "state" else Mode)(value).value}
        case _:
            return {name: value}
