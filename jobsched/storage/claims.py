"""The supervisors' side of the queue: taking runs, telling how they go, giving them back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from jobsched import clock
from jobsched.model import EndedBy, Run, RunState
from jobsched.storage import happenings, picking, settling, stops, tallies
from jobsched.storage.database import Database
from jobsched.storage.rows import CLAIM, NODE, STATE, run_from
from jobsched.storage.settling import Settled, Settlement

_ANY = """
SELECT 1 FROM runs
WHERE state = 'queued' AND (not_before_us IS NULL OR not_before_us <= :now) LIMIT 1
"""
_CLAIM = """
UPDATE runs SET state = 'starting', claim = :claim, node = :node, runner = :runner,
    boot_id = :boot_id, reason = NULL
WHERE id = :id AND state = 'queued'
"""
_STARTED = """
UPDATE runs SET state = CASE state WHEN 'starting' THEN 'running' ELSE state END,
    started_us = :started_us
WHERE id = :id AND claim = :claim AND state IN ('starting', 'stopping')
"""
_REQUEUE = """
UPDATE runs SET state = 'queued', node = NULL, runner = NULL, boot_id = NULL, started_us = NULL,
    reason = :reason, not_before_us = :not_before_us
WHERE id = :id AND claim = :claim AND state = 'starting'
"""
_END_STOPPED = """
UPDATE runs SET state = 'done', ended_by = stop_by, reason = stop_reason, ended_us = :now
WHERE id = :id AND claim = :claim AND state = 'stopping'
"""
_MINE = """
SELECT id, claim, state, runner, boot_id, stop_by, stop_reason FROM runs
WHERE node = :node AND state IN ('starting', 'running', 'stopping') AND task != 'wrapped'
ORDER BY id
"""
_STOPS = """
SELECT id, claim, runner, stop_by, stop_reason, stop_us,
    stop_by = 'kill' OR (stop_by = 'disconnect' AND task = 'shell') FROM runs
WHERE node = :node AND state = 'stopping' AND state IN ('starting', 'running', 'stopping')
    AND task != 'wrapped'
ORDER BY id
"""
_NEXT_DUE = """
SELECT min(not_before_us) FROM runs WHERE state = 'queued' AND not_before_us > :now
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A run that is now ours to start, and the runner that hosts it."""

    run: Run
    runner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run that the rows say is on this machine; *stop_by* and on when it is to be stopped."""

    run_id: int
    claim: int
    state: RunState
    runner: str
    boot_id: str
    stop_by: EndedBy | None
    stop_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Somebody asked at *stop_us* for the end of a run on this machine.

    *at_once*: without the grace, because it is to be killed or is a command whose client has left.
    """

    run_id: int
    claim: int
    runner: str
    ended_by: EndedBy
    reason: str | None
    stop_us: int
    at_once: bool


class Claims:
    """What supervisors do with runs; each call is one transaction for many runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, node: str, boot_id: str, runners: Sequence[str], limit: int, now_us: int
    ) -> list[Claim]:
        """Take up to *limit* queued runs for *node*, spread over its *runners*.

        By priority, then age; none before its time, none beyond its job's ``max_instances``.
        While nothing waits, nobody who writes waits for this.
        """
        if not runners or limit <= 0 or not self._any(now_us):
            return []
        with self._database.write() as connection:
            rows = picking.pick(self._database, connection, limit, now_us)
            changes = [
                {
                    "id": row[0],
                    "claim": row[CLAIM] + 1,
                    "node": node,
                    "runner": runners[number % len(runners)],
                    "boot_id": boot_id,
                }
                for number, row in enumerate(rows)
            ]
            self._database.many(connection, _CLAIM, changes)
        return [
            Claim(
                run=_claimed(row, node),
                runner=change["runner"],
            )
            for row, change in zip(rows, changes, strict=True)
        ]

    def _any(self, now_us: int) -> bool:
        """Return whether a run waits that may start: looked at without the turn to write."""
        with self._database.read() as connection:
            return bool(self._database.rows(connection, _ANY, {"now": now_us}))

    def next_due(self, now_us: int) -> int | None:
        """Return the earliest moment after *now_us* at which a waiting run may start."""
        with self._database.read() as connection:
            [[due]] = self._database.rows(connection, _NEXT_DUE, {"now": now_us})
        return due  # type: ignore[no-any-return]

    def mine(self, node: str) -> list[Held]:
        """Return every run that the rows say is on *node*."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _MINE, {"node": node})
            return [
                Held(
                    run_id=run_id,
                    claim=claim,
                    state=RunState(state),
                    runner=runner,
                    boot_id=boot_id,
                    stop_by=None if stop_by is None else EndedBy(stop_by),
                    stop_reason=reason,
                )
                for run_id, claim, state, runner, boot_id, stop_by, reason in rows
            ]

    def stops(self, node: str) -> list[StopRequest]:
        """Return the runs on *node* that somebody wants to end."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _STOPS, {"node": node})
            return [
                StopRequest(
                    run_id=run_id,
                    claim=claim,
                    runner=runner,
                    ended_by=EndedBy(stop_by),
                    reason=reason,
                    stop_us=stop_us,
                    at_once=bool(at_once),
                )
                for run_id, claim, runner, stop_by, reason, stop_us, at_once in rows
            ]

    def started(self, starts: Sequence[tuple[int, int, int]]) -> None:
        """Note that runs have started: (run id, claim, microseconds) each."""
        rows = [{"id": run, "claim": claim, "started_us": us} for run, claim, us in starts]
        if rows:
            with self._database.write() as connection:
                self._database.many(connection, _STARTED, rows)

    def requeue(
        self,
        claims: Sequence[tuple[int, int]],
        reason: str,
        delay: float = 0.0,
        now_us: int | None = None,
    ) -> list[int]:
        """Give back runs that never began: (run id, claim) each, not before *delay* seconds.

        A run that was to be stopped anyway is done instead. Returns: the ids of those.
        """
        now = clock.now_us() if now_us is None else now_us
        later = now + round(delay * clock.SECOND) if delay > 0 else None
        rows = [
            {"id": run_id, "claim": claim, "reason": reason, "not_before_us": later}
            for run_id, claim in claims
        ]
        with self._database.write() as connection:
            self._database.many(connection, _REQUEUE, rows)
            over = [
                run_id for run_id, claim in claims if self._ended(connection, run_id, claim, now)
            ]
            tallies.never_begun(self._database, connection, over, now)
            happenings.note_ends(self._database, connection, over, now)
            return over

    def settle(self, ends: Sequence[Settlement], now_us: int) -> list[Settled]:
        """Write how runs ended, with their small outputs, and queue automatic retries.

        An end of an older claim, or of a run that is done already, changes nothing and is not
        in the result.
        """
        if not ends:
            return []
        with self._database.write() as connection:
            return settling.settle(self._database, connection, ends, now_us)

    def cancel_queued(self, ended_by: EndedBy, reason: str, now_us: int) -> int:
        """End everything that waits, for an ordered stop; return how many."""
        with self._database.write() as connection:
            return stops.cancel_queued(self._database, connection, ended_by, reason, now_us)

    def _ended(self, connection: Connection, run_id: int, claim: int, now: int) -> bool:
        values = {"id": run_id, "claim": claim, "now": now}
        return self._database.run(connection, _END_STOPPED, values).rowcount == 1


def _claimed(row: Sequence[object], node: str) -> Run:
    """Return the run of a *row* that was read while it was still queued."""
    values = list(row)
    values[CLAIM] = int(str(values[CLAIM])) + 1
    values[NODE] = node
    values[STATE] = RunState.STARTING.value
    values[STATE + 6] = None  # why it waited
    return run_from(values)


__all__ = ["Claim", "Claims", "Held", "Settled", "Settlement", "StopRequest"]
