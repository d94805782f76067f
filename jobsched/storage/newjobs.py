"""A job on its way into the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from jobsched.clock import from_us
from jobsched.errors import Conflict
from jobsched.model import Job, JobState, Mode, Policy
from jobsched.storage.database import Database
from jobsched.storage.texts import policy_to_text, to_text

# The id of a deleted job may come back (web jobs derive theirs from their name): same key, so
# that the history continues, and the next version, so that no old decision fits it.
_INSERT = """
INSERT INTO jobs (id, name, task, mode, state, state_reason, next_us, paused_us, paused_until_us,
    trigger, policy, max_instances, params, group_name, tags, description, created_us, updated_us,
    seen_us)
VALUES (:id, :name, :task, :mode, :state, :state_reason, :next_us, :paused_us, :paused_until_us,
    :trigger, :policy, :max_instances, :params, :group_name, :tags, :description, :created_us,
    :created_us, :created_us)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, task = excluded.task, mode = excluded.mode, state = excluded.state,
    state_reason = excluded.state_reason, next_us = excluded.next_us,
    paused_us = excluded.paused_us, paused_until_us = excluded.paused_until_us,
    trigger = excluded.trigger, policy = excluded.policy,
    max_instances = excluded.max_instances, params = excluded.params,
    group_name = excluded.group_name, tags = excluded.tags, description = excluded.description,
    created_us = excluded.created_us, updated_us = excluded.updated_us, seen_us = excluded.seen_us,
    version = jobs.version + 1
WHERE jobs.state = 'deleted'
RETURNING key, version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be stored; *trigger* as ``Trigger.stored`` gives it, times in microseconds."""

    id: str
    name: str
    task: str
    mode: Mode
    created_us: int
    trigger: Mapping[str, object] | None = None
    policy: Policy = field(default_factory=Policy)
    params: Mapping[str, object] = field(default_factory=dict)
    group: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    state: JobState = JobState.ACTIVE
    state_reason: str | None = None
    next_us: int | None = None
    paused_us: int | None = None
    paused_until_us: int | None = None


def insert(database: Database, connection: Connection, new: NewJob) -> Job:
    """Store *new* inside the caller's transaction.

    Raises: Conflict when a job that is not deleted has its id.
    """
    row = database.run(connection, _INSERT, _values(new)).first()
    if row is None:
        raise Conflict(f"There is already a job {new.id}.", job=new.id)
    return _job(new, *row)


def _values(new: NewJob) -> dict[str, Any]:
    return {
        "id": new.id,
        "name": new.name,
        "task": new.task,
        "mode": new.mode.value,
        "state": new.state.value,
        "state_reason": new.state_reason,
        "next_us": new.next_us,
        "paused_us": new.paused_us,
        "paused_until_us": new.paused_until_us,
        "trigger": to_text(new.trigger),
        "policy": policy_to_text(new.policy),
        "max_instances": new.policy.max_instances,
        "params": to_text(new.params),
        "group_name": new.group,
        "tags": to_text(new.tags),
        "description": new.description,
        "created_us": new.created_us,
    }


def _job(new: NewJob, key: int, version: int) -> Job:
    return Job(
        key=key,
        id=new.id,
        name=new.name,
        task=new.task,
        mode=new.mode,
        trigger=new.trigger,
        policy=new.policy,
        params=new.params,
        group=new.group,
        tags=new.tags,
        description=new.description,
        state=new.state,
        state_reason=new.state_reason,
        paused_until=None if new.paused_until_us is None else from_us(new.paused_until_us),
        next_run=None if new.next_us is None else from_us(new.next_us),
        created_at=from_us(new.created_us),
        updated_at=from_us(new.created_us),
        version=version,
        paused_from=None if new.paused_us is None else from_us(new.paused_us),
        seen_at=from_us(new.created_us),
    )
