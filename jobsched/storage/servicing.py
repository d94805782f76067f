"""Starting a run of a continuous job, and what its end leads to, inside one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from jobsched.model import Job, Run, RunState, ServiceState, service_policy
from jobsched.storage import happenings
from jobsched.storage.claims import Claim
from jobsched.storage.database import Database
from jobsched.storage.happenings import RestartLoop
from jobsched.storage.rows import JOB_COLUMNS, job_from, run_from, select_runs
from jobsched.storage.tables import runs
from jobsched.storage.texts import policy_to_text, to_text

_JOB = f"""
SELECT {", ".join(column.name for column in JOB_COLUMNS)} FROM jobs
WHERE key = :key AND mode = 'continuous' AND state = 'active'
"""  # noqa: S608 - constants
_HOLDS = "SELECT 1 FROM leases WHERE name = :name AND owner = :node AND epoch = :epoch"
_HOLDS_LOCKED = f"{_HOLDS} FOR SHARE"
_RUN = """
INSERT INTO runs (job_key, name, task, state, queue, priority, params, policy, created_us,
    attempt, claim, node, runner, boot_id)
VALUES (:job_key, :name, :task, 'starting', :queue, :priority, :params, :policy, :now,
    1, 1, :node, :runner, :boot_id)
RETURNING id
"""
_ALIVE = """
INSERT INTO services (job_key, node, state, run_id, since_us, next_try_us, exits, restarts,
    version, updated_us)
VALUES (:job_key, :node, 'starting', :run_id, :now, NULL, :exits, :restarts, :version, :now)
ON CONFLICT (job_key, node) DO UPDATE
SET state = excluded.state, run_id = excluded.run_id, since_us = excluded.since_us,
    next_try_us = NULL, exits = excluded.exits, restarts = excluded.restarts,
    version = excluded.version, updated_us = excluded.updated_us
WHERE services.run_id IS NULL
RETURNING job_key
"""
_TAKE_BACK = "DELETE FROM runs WHERE id = :run_id"
_LEAVE = """
UPDATE services SET state = :state, run_id = NULL, since_us = :now, next_try_us = :next_try_us,
    exits = :exits, updated_us = :now
WHERE job_key = :job_key AND node = :node AND run_id = :run_id
"""
_CLAIM_AGAIN = """
UPDATE runs SET claim = claim + 1, runner = :runner, boot_id = :boot_id, reason = NULL
WHERE id = :id AND state = 'starting'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A service that shall start on *node* in *runner*.

    *epoch* is that of the right to run it as a singleton, None for every other job: the right
    must still be held when the run is made.
    """

    job_key: int
    node: str
    runner: str
    boot_id: str
    exits: int = 0
    restarts: int = 0
    epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Where the end of the run *run_id* leaves its service; *again* when it starts at once.

    *loop* when with this exit it has become clear that it cannot stay up.
    """

    job_key: int
    node: str
    run_id: int
    state: ServiceState
    next_try_us: int | None = None
    exits: int = 0
    loop: bool = False
    again: Wish | None = None


def begin(
    database: Database, connection: Connection, wishes: Sequence[Wish], now_us: int
) -> list[Claim]:
    """Make and claim a run for each of *wishes* that may be granted."""
    made = [_begin(database, connection, wish, now_us) for wish in wishes]
    return [claim for claim in made if claim is not None]


def leave(
    database: Database, connection: Connection, leaves: Sequence[Leave], now_us: int
) -> list[Claim]:
    """Write what the ends of runs mean for their services; return the runs that follow at once."""
    database.many(connection, _LEAVE, [_left(one, now_us) for one in leaves])
    for one in leaves:
        if one.loop:
            loop = RestartLoop(one.job_key, one.run_id, one.node, one.exits, one.next_try_us)
            happenings.note_restart_loop(database, connection, loop, now_us)
    wishes = [one.again for one in leaves if one.again is not None]
    return begin(database, connection, wishes, now_us)


def claim_again(
    database: Database, connection: Connection, run_id: int | None, runner: str, boot_id: str
) -> Claim | None:
    """Claim a run once more that no runner could start; None when it shall not start any more."""
    values = {"id": run_id, "runner": runner, "boot_id": boot_id}
    if not database.run(connection, _CLAIM_AGAIN, values).rowcount:
        return None
    row = connection.execute(select_runs().where(runs.c.id == run_id)).one()
    return Claim(run=run_from(row), runner=runner)


def _left(one: Leave, now_us: int) -> dict[str, object]:
    return {
        "job_key": one.job_key,
        "node": one.node,
        "run_id": one.run_id,
        "state": one.state.value,
        "next_try_us": one.next_try_us,
        "exits": one.exits,
        "now": now_us,
    }


def _begin(database: Database, connection: Connection, wish: Wish, now_us: int) -> Claim | None:
    found = database.rows(connection, _JOB, {"key": wish.job_key})
    if not found:
        return None
    job = job_from(found[0])
    if job.policy.singleton and not _may_run(database, connection, wish):
        return None
    run = _run_of(database, connection, job, wish, now_us)
    values = {
        "job_key": job.key,
        "node": wish.node,
        "run_id": run.id,
        "exits": wish.exits,
        "restarts": wish.restarts,
        "version": job.version,
        "now": now_us,
    }
    if database.run(connection, _ALIVE, values).first() is None:
        database.run(connection, _TAKE_BACK, {"run_id": run.id})
        return None
    return Claim(run=run, runner=wish.runner)


def _may_run(database: Database, connection: Connection, wish: Wish) -> bool:
    """Return whether the right to the singleton is still ours: nobody can take it meanwhile."""
    if wish.epoch is None:
        return False
    values = {"name": f"service:{wish.job_key}", "node": wish.node, "epoch": wish.epoch}
    query = _HOLDS if database.is_sqlite else _HOLDS_LOCKED
    return bool(database.rows(connection, query, values))


def _run_of(database: Database, connection: Connection, job: Job, wish: Wish, now_us: int) -> Run:
    policy = policy_to_text(service_policy(job.policy))
    values = {
        "job_key": job.key,
        "name": job.name,
        "task": job.task,
        "queue": job.policy.queue,
        "priority": job.policy.priority,
        "params": to_text(job.params),
        "policy": policy,
        "now": now_us,
        "node": wish.node,
        "runner": wish.runner,
        "boot_id": wish.boot_id,
    }
    [[run_id]] = database.rows(connection, _RUN, values)
    return run_from((
        run_id, job.key, job.id, job.name, job.task, values["queue"], values["priority"],
        values["params"], policy, None, None, now_us, None, 1, 1, None, wish.node, None, None,
        RunState.STARTING.value, None, None, None, None, None, None, 0, 0, 0, None, None, 0, 0,
        0, 0, None,
    ))  # fmt: skip
