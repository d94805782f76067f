"""Web jobs: the row that tells of a job's folder, written together with the job's own row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, select

from jobsched import clock
from jobsched.model import Job, JobState, WebJob, WebJobType
from jobsched.storage import jobs as jobrows
from jobsched.storage import occurrences
from jobsched.storage.database import Database
from jobsched.storage.newjobs import NewJob, insert
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.tables import jobs, webjobs
from jobsched.storage.texts import mapping_from, to_text

# The names below are those of our own columns.
_NAMES = [column.name for column in webjobs.c]
_PUT = f"""
INSERT INTO webjobs ({", ".join(_NAMES)}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
ON CONFLICT (job_key) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES if name != "job_key")}
"""  # noqa: S608
_AT = "SELECT key FROM jobs WHERE id = :id AND version = :version AND state != 'deleted'"
_REMOVE = "DELETE FROM webjobs WHERE job_key = (SELECT key FROM jobs WHERE id = :id)"
_DELETED = """
SELECT j.key FROM jobs j WHERE j.task = :task AND j.state = 'deleted'
AND EXISTS (SELECT 1 FROM runs r WHERE r.job_key = j.key AND r.state = 'done')
"""
_ENDED = """
SELECT r.id FROM webjobs w JOIN runs r ON r.job_key = w.job_key
WHERE w.type = 'triggered' AND r.state = 'done' AND r.node = :node AND r.ended_us >= :since
"""
_PLANNED = """
SELECT j.key, w.name, j.state, j.state_reason, j.next_us, j.trigger, w.inputs
FROM webjobs w JOIN jobs j ON j.key = w.job_key
WHERE w.type = 'triggered' AND j.state != 'deleted'
AND (j.trigger IS NOT NULL OR w.error IS NOT NULL)
"""
_ALL = (
    select(webjobs, jobs.c.id)
    .join(jobs, jobs.c.key == webjobs.c.job_key)
    .where(jobs.c.state != JobState.DELETED.value)
    .order_by(webjobs.c.type.desc(), webjobs.c.name)
)
_ONE = _ALL.where(jobs.c.id == bindparam("id"))
_SOME = _ALL.where(jobs.c.key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is to be stored of a folder: the fields of ``model.WebJob`` but for the job's."""

    type: WebJobType
    name: str
    folder: str
    script: str | None
    fingerprint: str
    inputs: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    in_place: bool = False
    disabled: bool = False
    deployed_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is planned for a triggered web job: its *trigger* (None: none), and the next moment.

    *refused* says why it has no trigger although its settings ask for one.
    """

    job_key: int
    name: str
    state: JobState
    state_reason: str | None
    next_us: int | None
    trigger: Mapping[str, Any] | None
    refused: str | None


class WebJobs:
    """All web jobs of the database that are not deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[WebJob]:
        """Return every web job, triggered ones first, by name."""
        return self._read(_ALL)

    def get(self, job_id: str) -> WebJob | None:
        """Return the web job whose job has this uuid."""
        return next(iter(self._read(_ONE, id=job_id)), None)

    def of_jobs(self, keys: Iterable[int]) -> dict[int, WebJob]:
        """Return the web jobs among the jobs with these numbers."""
        return {found.job_key: found for found in self._read(_SOME, keys=[*keys])}

    def deleted(self, task: str) -> list[int]:
        """Return the numbers of deleted jobs of the *task* that still have runs."""
        with self._database.read() as connection:
            return [*self._database.run(connection, _DELETED, {"task": task}).scalars()]

    def planned(self) -> list[Planned]:
        """Return the triggered web jobs that have a schedule, or should have one."""
        with self._database.read() as connection:
            rows = self._database.run(connection, _PLANNED, {}).fetchall()
        each = (_planned(row) for row in rows)
        return [one for one in each if one.trigger is not None or one.refused is not None]

    def ended(self, node: str, since_us: int) -> list[int]:
        """Return the runs of triggered web jobs that have ended on *node* since *since_us*."""
        with self._database.read() as connection:
            values = {"node": node, "since": since_us}
            return [run_id for (run_id,) in self._database.rows(connection, _ENDED, values)]

    def add(self, new: NewJob, facts: Facts, ledger: Sequence[NewOccurrence] = ()) -> Job:
        """Store the job *new* with its folder. Raises: Conflict when it is there already."""
        with self._database.write() as connection:
            job = insert(self._database, connection, new)
            self._put(connection, job.key, facts)
            occurrences.write(self._database, connection, job.key, ledger)
        return job

    def change(
        self,
        at: tuple[str, int],
        facts: Facts,
        changes: Mapping[str, object],
        ledger: Sequence[NewOccurrence] = (),
    ) -> Job:
        """Write *facts*, and *changes* to the job as ``Jobs.change`` does, in one transaction.

        *at* is the job's uuid and the version that it must be at.

        Raises: UnknownJob, StaleVersion.
        """
        with self._database.write() as connection:
            job = jobrows.change(self._database, connection, (*at, None), changes, ledger)
            self._put(connection, job.key, facts)
        return job

    def note(self, at: tuple[str, int], facts: Facts) -> bool:
        """Write *facts* that leave the job as it is; False when it is not at this version."""
        job_id, version = at
        with self._database.write() as connection:
            values = {"id": job_id, "version": version}
            key = self._database.run(connection, _AT, values).scalar()
            if key is not None:
                self._put(connection, int(key), facts)
        return key is not None

    def delete(self, at: tuple[str, int]) -> bool:
        """Delete a web job, its history stays; return whether it was there at this version."""
        job_id, version = at
        with self._database.write() as connection:
            deleted = jobrows.delete(self._database, connection, job_id, version)
            if deleted:
                self._database.run(connection, _REMOVE, {"id": job_id})
        return deleted

    def _put(self, connection: Connection, job_key: int, facts: Facts) -> None:
        values = {
            "job_key": job_key,
            "type": facts.type.value,
            "name": facts.name,
            "folder": facts.folder,
            "script": facts.script,
            "settings": to_text(facts.settings),
            "error": facts.error,
            "in_place": int(facts.in_place),
            "disabled": int(facts.disabled),
            "fingerprint": facts.fingerprint,
            "inputs": facts.inputs,
            "deployed_us": facts.deployed_us,
        }
        self._database.run(connection, _PUT, values)

    def _read(self, query: Select[Any], **values: object) -> list[WebJob]:
        with self._database.read() as connection:
            return [_webjob(row) for row in connection.execute(query, values).mappings()]


def _planned(row: Sequence[Any]) -> Planned:
    key, name, state, reason, next_us, trigger, inputs = row
    return Planned(
        job_key=key,
        name=name,
        state=JobState(state),
        state_reason=reason,
        next_us=next_us,
        trigger=None if trigger is None else mapping_from(trigger),
        refused=mapping_from(inputs).get("refused"),
    )


def _webjob(row: RowMapping) -> WebJob:
    return WebJob(
        job_key=row["job_key"],
        job_id=row["id"],
        type=WebJobType(row["type"]),
        name=row["name"],
        folder=row["folder"],
        script=row["script"],
        settings=mapping_from(row["settings"]),
        error=row["error"],
        in_place=bool(row["in_place"]),
        disabled=bool(row["disabled"]),
        fingerprint=row["fingerprint"],
        inputs=row["inputs"],
        deployed_at=clock.from_us(row["deployed_us"]),
    )
