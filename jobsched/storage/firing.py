"""The firing transaction: due jobs move on, their moments enter the ledger, their runs queue.

Everything happens in one transaction under the leader's epoch, and each job only if it is still
as it was read: whoever changed it meanwhile wins. The many ordinary fires of a batch are written
together (``fires``); the rare others, the changes, go one by one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from jobsched.model import JobState
from jobsched.storage import fires, happenings, moments, occurrences, stops
from jobsched.storage.database import Database
from jobsched.storage.decisions import (
    Alive,
    Change,
    Decision,
    Details,
    Due,
    Fired,
    Lease,
    LeaseLost,
    Move,
    Start,
)
from jobsched.storage.happenings import Missed
from jobsched.storage.texts import to_text

LEASE = "scheduler"

_DUE = """
SELECT key, version, next_us, state FROM jobs
WHERE next_us <= :now ORDER BY next_us LIMIT :limit
"""
_AHEAD = """
SELECT key, version, next_us, state FROM jobs
WHERE state = 'active' AND next_us > :now AND key > :after ORDER BY key LIMIT :limit
"""
_MOVE = """
UPDATE jobs SET next_us = :next_us, trigger = coalesce(:trigger, trigger),
    version = version + CASE WHEN :trigger IS NULL THEN 0 ELSE 1 END
WHERE key = :key AND version = :version AND next_us = :was_us
"""
_SEEN = "SELECT key, seen_us FROM jobs WHERE key IN ({})"
_NAMING = '%"calendars":%'  # triggers are compact JSON (texts.to_text)
_BY_CALENDARS = """
SELECT key, version, next_us, state FROM jobs
WHERE key > :after AND state IN ('active', 'paused', 'blocked') AND trigger LIKE :naming
ORDER BY key LIMIT :limit
"""
_NEXT = "SELECT next_us FROM jobs WHERE next_us IS NOT NULL ORDER BY next_us LIMIT 1"
_DETAILS = """
SELECT key, version, id, name, trigger, policy, state_reason, paused_us, paused_until_us FROM jobs
WHERE key IN ({})
"""
_FENCE = """
UPDATE leases SET expires_us = {now} + :length
WHERE name = :name AND owner = :owner AND epoch = :epoch
"""
_ALIVE = """
SELECT job_key, count(*), count(CASE WHEN state = 'stopping' THEN 1 END) FROM runs
WHERE state != 'done' AND job_key IN ({}) GROUP BY job_key
"""
# A block swallows moments as a pause does, from the one that was next.
_CHANGE = """
UPDATE jobs SET next_us = :next_us, state = :state, state_reason = :state_reason,
    paused_us = CASE WHEN :is_blocked = 1 THEN coalesce(paused_us, next_us)
        WHEN :is_paused = 1 THEN paused_us END,
    paused_until_us = CASE WHEN :is_paused = 1 THEN paused_until_us END,
    seen_us = coalesce(:seen_us, seen_us), updated_us = :now, version = version + :step
WHERE key = :key AND version = :version AND next_us IS NOT DISTINCT FROM :was_us
"""
_ENTER_ONE = """
INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us, reason)
VALUES (:key, :due_us, :outcome, :run_id, :late_us, :reason)
{unless_told}
""".replace("{unless_told}", occurrences.UNLESS_TOLD)
_QUEUE_ONE = """
INSERT INTO runs (id, job_key, name, task, state, queue, priority, params, policy, due_us,
    created_us, not_before_us)
SELECT :run_id, key, name, task, 'queued', :queue, :priority, params, policy, :due_us,
    {created_us}, :not_before_us
FROM jobs WHERE key = :key
""".replace("{created_us}", moments.created("task", "jobs.key", ":now"))


class Firing:
    """The scheduler's side of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now_us: int, limit: int) -> list[Due]:
        """Return up to *limit* jobs whose next time is *now_us* or earlier, longest due first."""
        values = {"now": now_us, "limit": limit}
        with self._database.read() as connection:
            rows = self._database.run(connection, _DUE, values).cursor.fetchall()
        return [*map(Due._make, rows)]

    def next_us(self) -> int | None:
        """Return when the next job is due, None if there is none."""
        with self._database.read() as connection:
            return self._database.run(connection, _NEXT).scalar()

    def ahead(self, now_us: int, after_key: int, limit: int) -> list[Due]:
        """Return up to *limit* active jobs due later than *now_us*, by key from *after_key*."""
        values = {"now": now_us, "after": after_key, "limit": limit}
        with self._database.read() as connection:
            return [*map(Due._make, self._database.run(connection, _AHEAD, values).fetchall())]

    def move(self, lease: Lease, moves: Sequence[Move], now_us: int) -> int:
        """Give jobs another next moment; return how many. Raises: LeaseLost."""
        if not moves:
            return 0
        with self._database.write() as connection:
            self._fence(connection, lease, now_us)
            return sum(
                self._database.run(connection, _MOVE, _move_values(*move)).rowcount
                for move in moves
            )

    def details(self, keys: Sequence[int]) -> list[Details]:
        """Return what is known of the jobs *keys*."""
        if not keys:
            return []
        with self._database.read() as connection:
            rows = connection.exec_driver_sql(*self._among(_DETAILS, keys)).fetchall()
        return [*map(Details._make, rows)]

    def seen(self, keys: Sequence[int]) -> dict[int, int | None]:
        """Return until when the ledger tells what the triggers of the jobs *keys* omitted."""
        with self._database.read() as connection:
            rows = connection.exec_driver_sql(*self._among(_SEEN, keys)).fetchall()
        return {key: seen_us for key, seen_us in rows}  # noqa: C416 - rows are no pairs to mypy

    def by_calendars(self, after_key: int, limit: int) -> list[Due]:
        """Return up to *limit* jobs that name calendars, by key from *after_key*.

        Those that are paused or blocked are among them; a blocked one has no next moment.
        """
        values = {"after": after_key, "limit": limit, "naming": _NAMING}
        with self._database.read() as connection:
            rows = self._database.run(connection, _BY_CALENDARS, values).fetchall()
        return [*map(Due._make, rows)]

    def commit(
        self, lease: Lease, keys: Sequence[int], now_us: int, decide: Callable[[Alive], Decision]
    ) -> Fired:
        """Carry out what *decide* makes of the living runs of the jobs *keys*, or nothing.

        Raises: LeaseLost; DatabaseBusy, DiskFull, Unavailable.
        """
        with self._database.write() as connection:
            self._fence(connection, lease, now_us)
            decision = decide(self._alive(connection, keys))
            fired, lost = fires.write(
                self._database, connection, decision.fires, decision.passed, now_us
            )
            for change in decision.changes:
                if not self._change(connection, change, now_us):
                    lost.add(change.due.key)
            missed = [one for one in _missed(decision) if one.job_key not in lost]
            happenings.note_missed(self._database, connection, missed, now_us)
        started = [len(change.starts) for change in decision.changes if change.due.key not in lost]
        return Fired(runs=fired + sum(started), lost=frozenset(lost))

    def _fence(self, connection: Connection, lease: Lease, now_us: int) -> None:
        """Make the lease last longer. Raises: LeaseLost if it is another's by now."""
        values = {"name": LEASE, "owner": lease.owner, "epoch": lease.epoch}
        values |= {"length": lease.length_us}
        if self._database.is_sqlite:
            text, values = _FENCE.format(now=":now"), values | {"now": now_us}
        else:
            text = _FENCE.format(now="(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        if self._database.run(connection, text, values).rowcount != 1:
            raise LeaseLost("Another scheduler has taken the lead.")

    def _alive(self, connection: Connection, keys: Sequence[int]) -> Alive:
        rows = connection.exec_driver_sql(*self._among(_ALIVE, keys)).fetchall()
        return {key: (alive, stopping) for key, alive, stopping in rows}

    def _among(self, text: str, keys: Sequence[int]) -> tuple[str, tuple[Any, ...]]:
        """Return *text* and its parameters with *keys* in the place of ``{}``."""
        if self._database.is_sqlite:
            return text.format("SELECT value FROM json_each(?)"), (str([*keys]),)
        return text.format("SELECT unnest(%s::bigint[])"), (fires.number_array(keys),)

    def _change(self, connection: Connection, change: Change, now_us: int) -> bool:
        """Carry out one Change; return False if the job was changed meanwhile."""
        database, key = self._database, change.due.key
        if database.run(connection, _CHANGE, _change_values(change, now_us)).rowcount != 1:
            return False
        occurrences.write(database, connection, key, change.entries)
        if change.replace > 0:
            stops.replace_oldest(database, connection, key, change.replace, now_us)
        ids = database.new_ids(connection, "runs", len(change.starts)) if change.starts else []
        for start, run_id in zip(change.starts, ids, strict=True):
            self._start(connection, change, start, run_id, now_us)
        return True

    def _start(
        self, connection: Connection, change: Change, start: Start, run_id: int, now_us: int
    ) -> None:
        """Enter one moment and queue its run, unless the ledger already has the moment."""
        values = {
            "key": change.due.key,
            "run_id": run_id,
            "due_us": start.due_us,
            "late_us": start.late_us,
            "outcome": start.outcome.value,
            "reason": start.reason,
            "queue": change.queue,
            "priority": change.priority,
            "not_before_us": start.not_before_us,
            "now": now_us,
        }
        if self._database.run(connection, _ENTER_ONE, values).rowcount == 1:
            self._database.run(connection, _QUEUE_ONE, values)


def _missed(decision: Decision) -> Iterator[Missed]:
    """Yield the moments that *decision* enters as missed."""
    for key, _, due_us, _, outcome, _, reason, *_ in decision.passed:
        yield from happenings.missed_of(key, outcome, due_us, 1, reason)
    for change in decision.changes:
        for entry in change.entries:
            key, told = change.due.key, (entry.due_us, entry.count, entry.reason)
            yield from happenings.missed_of(key, entry.outcome, *told)


def _move_values(due: Due, next_us: int, trigger: Mapping[str, object] | None) -> dict[str, object]:
    values = {"key": due.key, "version": due.version, "was_us": due.next_us, "next_us": next_us}
    return values | {"trigger": to_text(trigger)}


def _change_values(change: Change, now_us: int) -> dict[str, object]:
    return {
        "key": change.due.key,
        "version": change.due.version,
        "was_us": change.due.next_us,
        "next_us": change.next_us,
        "state": change.state.value,
        "state_reason": change.state_reason,
        "step": int(change.state.value != change.due.state),
        "is_blocked": int(change.state is JobState.BLOCKED),
        "is_paused": int(change.state is JobState.PAUSED),
        "seen_us": change.seen_us,
        "now": now_us,
    }
