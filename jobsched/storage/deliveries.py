"""What web hooks are to be told, and how it went: one row for each telling, tried until it works.

An attempt is claimed by compare-and-set for as long as one may take, and settled afterwards. A
process that dies in between leaves a claim that runs out: told at least once, seldom twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobsched.clock import SECOND, from_us, now_us
from jobsched.storage import happenings
from jobsched.storage.database import Database
from jobsched.storage.texts import mapping_from, to_text

MOST_WAITING = 10_000  # for each hook; of more, the oldest are given up
_SELECT = """
SELECT d.id, d.hook_id, d.event, d.run_id, j.id, j.name, d.facts, d.body, d.created_us, d.next_us,
    d.claims, d.delivered, d.attempts
FROM deliveries d LEFT JOIN jobs j ON j.key = d.job_key WHERE {}
"""
_DUE = _SELECT.format(
    "d.id IN (SELECT min(id) FROM deliveries WHERE next_us <= :now GROUP BY hook_id) ORDER BY d.id"
)
_OF_HOOK = _SELECT.format("d.hook_id = :hook ORDER BY d.id DESC LIMIT :limit")
_CLAIM = """
UPDATE deliveries SET claims = claims + 1, next_us = :until, node = :node
WHERE id = :id AND claims = :claims AND next_us IS NOT NULL
"""
_RELEASE = "UPDATE deliveries SET next_us = :now, node = NULL WHERE node = :node"
_SETTLE = """
UPDATE deliveries SET next_us = :next_us, node = NULL, delivered = :delivered, attempts = :attempts,
    body = :body
WHERE id = :id AND claims = :claims
"""
_TELL_HOOK = """
UPDATE hooks SET last_status = :status, last_reason = :reason, last_us = :at_us,
    last_context = :context
WHERE id = :hook
"""
_GIVE_UP = """
UPDATE deliveries SET next_us = NULL, node = NULL WHERE hook_id = :hook AND next_us IS NOT NULL
AND id <= (SELECT id FROM deliveries WHERE hook_id = :hook AND next_us IS NOT NULL
    ORDER BY id DESC LIMIT 1 OFFSET :keep)
"""
_PRUNE = """
DELETE FROM deliveries WHERE hook_id = :hook AND next_us IS NULL
AND id <= (SELECT id FROM deliveries WHERE hook_id = :hook AND next_us IS NULL
    ORDER BY id DESC LIMIT 1 OFFSET :keep)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: when, the answer's *status* (None: there was none), a reason, how long it took."""

    at_us: int
    status: int | None
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One telling of one hook. *next_at* None: there will be no further attempt.

    *facts* are of what happened, beside job and run; *claims* counts the attempts that were begun.
    """

    id: int
    hook_id: str
    event: str
    run_id: int | None
    job_id: str | None
    job_name: str | None
    facts: dict[str, Any] = field(default_factory=dict)
    body: str | None
    created_at: datetime
    next_at: datetime | None
    claims: int
    delivered: bool
    attempts: tuple[Attempt, ...] = ()


class Deliveries:
    """All deliveries of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, event: str, body: str) -> int:
        """Let every hook that wants *event* be told *body*; return how many there are."""
        with self._database.write() as connection:
            return happenings.publish(self._database, connection, event, body, now_us())

    def due(self, moment_us: int) -> list[Delivery]:
        """Return of each hook the oldest delivery whose next attempt is due."""
        return self._read(_DUE, {"now": moment_us})

    def of_hook(self, hook_id: str, limit: int) -> list[Delivery]:
        """Return the newest *limit* deliveries of a hook, newest first."""
        return self._read(_OF_HOOK, {"hook": hook_id, "limit": limit})

    def claim(self, delivery: Delivery, node: str, seconds: float, moment_us: int) -> bool:
        """Take the next attempt for *node*, for *seconds*; False when another has taken it."""
        values = {
            "id": delivery.id,
            "claims": delivery.claims,
            "node": node,
            "until": moment_us + round(seconds * SECOND),
        }
        with self._database.write() as connection:
            return self._database.run(connection, _CLAIM, values).rowcount == 1

    def release(self, node: str, moment_us: int) -> int:
        """Make due what an earlier process of *node* had claimed; return how many those are."""
        with self._database.write() as connection:
            values = {"node": node, "now": moment_us}
            return self._database.run(connection, _RELEASE, values).rowcount

    def settle(
        self, delivery: Delivery, attempt: Attempt, next_us: int | None, body: str | None
    ) -> bool:
        """Enter how a claimed attempt to post *body* went, and when the next one is due.

        *delivery* is as it was before the claim. False when the claim has run out meanwhile and
        another attempt was begun.
        """
        values = {
            "id": delivery.id,
            "claims": delivery.claims + 1,
            "next_us": next_us,
            "body": body,
            "delivered": int(attempt.status is not None and 200 <= attempt.status < 300),
            "attempts": to_text([_plain(each) for each in (*delivery.attempts, attempt)]),
        }
        last = {"hook": delivery.hook_id, "context": body} | _plain(attempt)
        last.pop("seconds")
        with self._database.write() as connection:
            changed = self._database.run(connection, _SETTLE, values).rowcount == 1
            if changed:
                self._database.run(connection, _TELL_HOOK, last)
            return changed

    def prune(self, hook_ids: Iterable[str], keep: int) -> None:
        """Forget old deliveries of these hooks but the newest *keep*; give up far too many."""
        for hook_id in hook_ids:
            with self._database.write() as connection:
                values = {"hook": hook_id, "keep": MOST_WAITING}
                self._database.run(connection, _GIVE_UP, values)
                self._database.run(connection, _PRUNE, {"hook": hook_id, "keep": keep})

    def _read(self, query: str, values: dict[str, Any]) -> list[Delivery]:
        with self._database.read() as connection:
            return [_delivery(row) for row in self._database.rows(connection, query, values)]


def _plain(attempt: Attempt) -> dict[str, Any]:
    return {
        "at_us": attempt.at_us,
        "status": attempt.status,
        "reason": attempt.reason,
        "seconds": attempt.seconds,
    }


def _delivery(row: Sequence[Any]) -> Delivery:
    (delivery_id, hook_id, event, run_id, job_id, name, facts, body, created, next_us, claims,
     delivered, attempts) = row  # fmt: skip
    return Delivery(
        id=delivery_id,
        hook_id=hook_id,
        event=event,
        run_id=run_id,
        job_id=job_id,
        job_name=name,
        facts=mapping_from(facts),
        body=body,
        created_at=from_us(created),
        next_at=None if next_us is None else from_us(next_us),
        claims=claims,
        delivered=bool(delivered),
        attempts=tuple(Attempt(**each) for each in json.loads(attempts or "[]")),
    )
