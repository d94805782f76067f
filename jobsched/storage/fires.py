"""The ordinary fires of a batch, each step one statement for all of them.

SQLite keeps them in a temporary table between the steps, PostgreSQL does all steps in one
statement over arrays. Both drop whoever was changed meanwhile, and moments already in the ledger.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from jobsched.storage import moments
from jobsched.storage.database import Database
from jobsched.storage.decisions import Fire
from jobsched.storage.occurrences import UNLESS_TOLD

_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS firing (key, version, due_us, next_us, outcome, late_us,
    reason, not_before_us, queue, priority, run_id)
"""
_EMPTY = "DELETE FROM firing"
_FILL = "INSERT INTO firing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MOVE_ON = """
UPDATE jobs SET next_us = firing.next_us FROM firing
WHERE jobs.key = firing.key AND jobs.version = firing.version AND jobs.next_us = firing.due_us
RETURNING jobs.key
"""
_FORGET = "DELETE FROM firing WHERE key = ?"
_ENTER = """
INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us, reason)
SELECT key, due_us, outcome, run_id, late_us, reason FROM firing WHERE true
{unless_told}
""".replace("{unless_told}", UNLESS_TOLD)
_DROP_TWICE = """
DELETE FROM firing WHERE run_id NOT IN (SELECT o.run_id FROM occurrences o
WHERE o.job_key = firing.key AND o.due_us = firing.due_us AND o.run_id IS NOT NULL)
"""
_QUEUE = """
INSERT INTO runs (id, job_key, name, task, state, queue, priority, params, policy, due_us,
    created_us, not_before_us)
SELECT firing.run_id, jobs.key, jobs.name, jobs.task, 'queued', firing.queue, firing.priority,
    jobs.params, jobs.policy, firing.due_us, {created_us}, firing.not_before_us
FROM firing JOIN jobs ON jobs.key = firing.key WHERE firing.run_id IS NOT NULL
""".replace("{created_us}", moments.created("jobs.task", "jobs.key", "?1"))
# The server expects one row from a WITH and would join nested loops; IS TRUE makes it hash.
_ALL_AT_ONCE = """
WITH numbers AS MATERIALIZED (SELECT pg_get_serial_sequence('runs', 'id')::regclass AS of_runs),
firing AS MATERIALIZED (
    SELECT f.*, CASE WHEN f.runs THEN nextval(numbers.of_runs) END AS run_id
    FROM numbers, unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::bigint[], %s::text[],
        %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::integer[], %s::boolean[])
    AS f (key, version, due_us, next_us, outcome, late_us, reason, not_before_us, queue, priority,
        runs)
), moved AS (
    UPDATE jobs SET next_us = firing.next_us FROM firing
    WHERE jobs.key = firing.key AND jobs.version = firing.version
        AND jobs.next_us = firing.due_us
    RETURNING jobs.key, jobs.name, jobs.task, jobs.params, jobs.policy, firing.due_us,
        firing.outcome, firing.late_us, firing.reason, firing.not_before_us, firing.queue,
        firing.priority, firing.run_id
), entered AS (
    INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us, reason)
    SELECT key, due_us, outcome, run_id, late_us, reason FROM moved
    {unless_told} RETURNING run_id
), queued AS (
    INSERT INTO runs (id, job_key, name, task, state, queue, priority, params, policy, due_us,
        created_us, not_before_us)
    SELECT run_id, key, name, task, 'queued', queue, priority, params, policy, due_us,
        {created_us}, not_before_us
    FROM moved WHERE (run_id IN (SELECT run_id FROM entered)) IS TRUE
    RETURNING id
)
SELECT key, (SELECT count(*) FROM queued) FROM moved
"""
_ALL_AT_ONCE = _ALL_AT_ONCE.replace("{unless_told}", UNLESS_TOLD).replace(
    "{created_us}", moments.created("moved.task", "moved.key", "%s::bigint")
)

_TEXTS = frozenset({4, 6, 8})  # outcome, reason, queue among the fields of a Fire


def write(
    database: Database,
    connection: Connection,
    fires: Sequence[Fire],
    passed: Sequence[Fire],
    now_us: int,
) -> tuple[int, set[int]]:
    """Move the jobs on, enter their moments, queue a run for each of *fires*.

    Returns: how many runs, and the keys of the jobs that were changed meanwhile.
    """
    if not fires and not passed:
        return 0, set()
    if database.is_sqlite:
        return _by_table(database, connection, fires, passed, now_us)
    return _by_arrays(connection, fires, passed, now_us)


def _by_table(
    database: Database,
    connection: Connection,
    fires: Sequence[Fire],
    passed: Sequence[Fire],
    now_us: int,
) -> tuple[int, set[int]]:
    ids = database.new_ids(connection, "runs", len(fires)) if fires else []
    rows: list[tuple[Any, ...]] = [(*fire, run_id) for fire, run_id in zip(fires, ids, strict=True)]
    rows += [(*fire, None) for fire in passed]
    execute = connection.exec_driver_sql
    execute(_TABLE)
    execute(_EMPTY)
    execute(_FILL, rows)
    moved = execute(_MOVE_ON).fetchall()
    lost: set[int] = set()
    if len(moved) < len(rows):
        lost = {row[0] for row in rows} - {key for (key,) in moved}
        execute(_FORGET, [(key,) for key in lost])
    if execute(_ENTER).rowcount < len(moved):
        execute(_DROP_TWICE)
    return execute(_QUEUE, (now_us,)).rowcount, lost


def _by_arrays(
    connection: Connection, fires: Sequence[Fire], passed: Sequence[Fire], now_us: int
) -> tuple[int, set[int]]:
    rows = [*fires, *passed]
    arrays = [
        list(column) if number in _TEXTS else number_array(column)
        for number, column in enumerate(zip(*rows, strict=True))
    ]
    arrays.append([True] * len(fires) + [False] * len(passed))
    moved = connection.exec_driver_sql(_ALL_AT_ONCE, (*arrays, *[now_us] * 3)).fetchall()
    lost = {row[0] for row in rows} - {key for key, _ in moved}
    return (moved[0][1] if moved else 0), lost


def number_array(numbers: Sequence[int | None]) -> str:
    """Return *numbers* as PostgreSQL writes an array; its driver takes ten times as long."""
    return "{" + str([*numbers])[1:-1].replace("None", "NULL") + "}"
