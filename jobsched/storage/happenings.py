"""What web hooks are told of, noted in the same transaction in which it happens.

So a crash can neither lose a delivery nor invent one. Without web hooks this costs one look into
an empty table.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from jobsched.model import EndedBy, Mode, OccurrenceOutcome, Outcome, outcome_of
from jobsched.storage.database import Database
from jobsched.storage.tables import jobs, runs
from jobsched.storage.texts import to_text

FINISHED = "TriggeredJobFinished"  # Kudu's: the run of a triggered web job is over
FAILED = "RunFailed"
ABORTED = "RunAborted"
MISSED = "RunMissed"
RESTART_LOOP = "RestartLoop"
DEPLOYED = "PostDeployment"  # Kudu's: only whoever deploys can tell (POST /api/hooks/publish)
EVENTS = (FINISHED, FAILED, ABORTED, MISSED, RESTART_LOOP, DEPLOYED)
_WEB_JOB = "WebJob"
_HOOKS = "SELECT id, events, only_failures FROM hooks"
_ENDED = (
    select(runs.c.id, runs.c.job_key, runs.c.task, jobs.c.mode, runs.c.ended_by, runs.c.exit_code)
    .select_from(runs.outerjoin(jobs, jobs.c.key == runs.c.job_key))
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(runs.c.id)
)
_ADD = """
INSERT INTO deliveries (hook_id, event, job_key, run_id, facts, body, created_us, next_us)
VALUES (:hook_id, :event, :job_key, :run_id, :facts, :body, :now, :now)
"""
_AT_ONCE = 500


class Happening(NamedTuple):
    """Something that web hooks may want to be told of; *failure* = it did not go well."""

    event: str
    failure: bool = True
    job_key: int | None = None
    run_id: int | None = None
    facts: str | None = None
    body: str | None = None


class Missed(NamedTuple):
    """Some *moments* of a job, how many, from *due_us* on, none of which ran."""

    job_key: int
    due_us: int
    moments: int
    reason: str | None


class RestartLoop(NamedTuple):
    """A continuous job on *node* whose run *run_id* was the last of *exits* quick ones in a row."""

    job_key: int
    run_id: int
    node: str
    exits: int
    next_try_us: int | None


Hooks = list[tuple[Any, ...]]


def hooks_of(database: Database, connection: Connection) -> Hooks:
    """Return what web hooks want to be told; empty when nobody does."""
    return database.rows(connection, _HOOKS)


def note_ends(
    database: Database, connection: Connection, run_ids: Sequence[int], now_us: int
) -> None:
    """Note that these runs are done; call it when their rows say so."""
    hooks = hooks_of(database, connection) if run_ids else []
    if not hooks:
        return
    for first in range(0, len(run_ids), _AT_ONCE):
        ids = [*run_ids[first : first + _AT_ONCE]]
        for row in connection.execute(_ENDED, {"ids": ids}).all():
            _note(database, connection, hooks, _of_end(row), now_us)


def note_missed(
    database: Database, connection: Connection, missed: Sequence[Missed], now_us: int
) -> None:
    """Note moments that have been missed."""
    hooks = hooks_of(database, connection) if missed else []
    for job_key, due_us, moments, reason in missed if hooks else ():
        facts = to_text({"due_us": due_us, "count": moments, "reason": reason})
        happening = Happening(MISSED, job_key=job_key, facts=facts)
        _note(database, connection, hooks, [happening], now_us)


def missed_of(
    job_key: int, outcome: str, due_us: int, moments: int, reason: str | None
) -> list[Missed]:
    """Return the moments of an entry in the ledger if they were missed, else nothing."""
    wanted = outcome == OccurrenceOutcome.MISSED
    return [Missed(job_key, due_us, moments, reason)] if wanted else []


def note_restart_loop(
    database: Database, connection: Connection, loop: RestartLoop, now_us: int
) -> None:
    """Note that a continuous job ends again and again soon after its start."""
    facts = to_text({"node": loop.node, "exits": loop.exits, "next_try_us": loop.next_try_us})
    happening = Happening(RESTART_LOOP, job_key=loop.job_key, run_id=loop.run_id, facts=facts)
    _note(database, connection, hooks_of(database, connection), [happening], now_us)


def publish(database: Database, connection: Connection, event: str, body: str, now_us: int) -> int:
    """Note that somebody publishes *body* under the name *event*; return how many want it."""
    hooks = hooks_of(database, connection)
    happening = Happening(event, body=body)
    return _note(database, connection, hooks, [happening], now_us)


def _of_end(row: Sequence[Any]) -> Iterator[Happening]:
    run_id, job_key, task, mode, ended_by, exit_code = row
    if mode == Mode.CONTINUOUS:
        return  # it is started again; that it cannot stay up is the news
    outcome = outcome_of(EndedBy(ended_by), exit_code)
    failure = outcome is not Outcome.SUCCEEDED
    if task == _WEB_JOB:
        yield Happening(FINISHED, failure, job_key, run_id)
    if outcome is Outcome.STOPPED:
        yield Happening(ABORTED, failure, job_key, run_id)
    elif failure:
        yield Happening(FAILED, failure, job_key, run_id)


def _note(
    database: Database,
    connection: Connection,
    hooks: Hooks,
    happenings: Iterator[Happening] | Sequence[Happening],
    now_us: int,
) -> int:
    rows = [
        {**happening._asdict(), "hook_id": hook_id, "now": now_us}
        for happening in happenings
        for hook_id, events, only_failures in hooks
        if happening.event in json.loads(events) and (happening.failure or not only_failures)
    ]
    database.many(connection, _ADD, rows)
    return len(rows)
