"""Asking runs to stop: what still waits is done at once, what lives is marked for its machine."""

from sqlalchemy import Connection

from jobsched.model import EndedBy
from jobsched.storage import happenings, tallies
from jobsched.storage.database import Database

_CANCEL = """
UPDATE runs SET state = 'done', ended_us = :now, ended_by = :ended_by, reason = :reason,
    stop_us = :now, stop_by = :ended_by, stop_reason = :reason
WHERE id = :id AND state = 'queued'
"""
_STOP = """
UPDATE runs SET state = 'stopping', stop_us = :now, stop_by = :ended_by, stop_reason = :reason
WHERE id = :id AND state IN ('starting', 'running')
"""
# The first to ask is remembered, but what is to be at once goes over everything.
_KILL = """
UPDATE runs SET stop_us = :now, stop_by = :ended_by, stop_reason = :reason
WHERE id = :id AND state = 'stopping' AND stop_by != 'kill' AND (
    CAST(:ended_by AS varchar) = 'kill' OR (task = 'shell' AND stop_by != 'disconnect'))
"""
_CANCEL_ALL = """
UPDATE runs SET state = 'done', ended_us = :now, ended_by = :ended_by, reason = :reason,
    stop_us = :now, stop_by = :ended_by, stop_reason = :reason
WHERE state = 'queued'
"""
_QUEUED = "SELECT id FROM runs WHERE state = 'queued' ORDER BY id"
_OLDEST = """
SELECT id FROM runs
WHERE job_key = :job_key AND state != 'done' AND state != 'stopping'
ORDER BY id LIMIT :count
"""


def stop(
    database: Database,
    connection: Connection,
    run_id: int,
    ended_by: EndedBy,
    reason: str | None,
    now_us: int,
) -> None:
    """Ask the run *run_id* to stop, in the caller's transaction; nothing when it is done."""
    values = {"id": run_id, "ended_by": ended_by.value, "reason": reason, "now": now_us}
    if database.run(connection, _CANCEL, values).rowcount:
        tallies.never_begun(database, connection, [run_id], now_us)
        happenings.note_ends(database, connection, [run_id], now_us)
        return
    changed = database.run(connection, _STOP, values).rowcount
    if not changed and ended_by in {EndedBy.KILL, EndedBy.DISCONNECT}:
        database.run(connection, _KILL, values)


def replace_oldest(
    database: Database, connection: Connection, job_key: int, count: int, now_us: int
) -> list[int]:
    """Stop the *count* oldest runs of a job that nobody stops yet; return their ids."""
    values = {"job_key": job_key, "count": count}
    found = [*database.run(connection, _OLDEST, values).scalars()]
    for run_id in found:
        reason = "Replaced by a newer run of its job."
        stop(database, connection, run_id, EndedBy.REPLACED, reason, now_us)
    return found


def cancel_queued(
    database: Database, connection: Connection, ended_by: EndedBy, reason: str, now_us: int
) -> int:
    """End every run that waits in the queue; return how many."""
    values = {"ended_by": ended_by.value, "reason": reason, "now": now_us}
    ids = [*database.run(connection, _QUEUED).scalars()]
    count = database.run(connection, _CANCEL_ALL, values).rowcount
    tallies.never_begun(database, connection, ids, now_us)
    happenings.note_ends(database, connection, ids, now_us)
    return count
