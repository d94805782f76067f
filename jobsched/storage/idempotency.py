"""Requests that may be sent twice: which key has already made what.

The functions work inside the transaction that makes the thing, so that both happen or neither.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from jobsched.clock import SECOND
from jobsched.errors import KeyReused
from jobsched.storage.database import Database

KEPT_US = 24 * 3600 * SECOND
# A key that has grown too old is taken over as if it were new.
_TAKE = """
INSERT INTO idempotency (scope, key, body_digest, result, created_us)
VALUES (:scope, :key, :digest, '', :now)
ON CONFLICT (scope, key) DO UPDATE
SET body_digest = excluded.body_digest, result = '', created_us = excluded.created_us
WHERE idempotency.created_us < :oldest
RETURNING 1
"""
_FIND = "SELECT body_digest, result FROM idempotency WHERE scope = :scope AND key = :key"
_FINISH = "UPDATE idempotency SET result = :result WHERE scope = :scope AND key = :key"
_PRUNE = """
DELETE FROM idempotency WHERE (scope, key) IN (
    SELECT scope, key FROM idempotency WHERE created_us < :oldest LIMIT :batch
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A client's *key*, within a *scope* (who and which route), for a body with this digest."""

    scope: str
    key: str
    body_digest: str


def earlier(
    database: Database, connection: Connection, key: IdempotencyKey, now_us: int
) -> str | None:
    """Take *key* for what is about to be made; return what it has already made instead.

    Raises: KeyReused when the earlier request had another body.
    """
    values = {"scope": key.scope, "key": key.key, "digest": key.body_digest}
    values |= {"now": now_us, "oldest": now_us - KEPT_US}  # type: ignore[dict-item]
    if database.run(connection, _TAKE, values).scalar() is not None:
        return None
    digest, result = database.run(connection, _FIND, _place(key)).one()
    _check(key, digest)
    return str(result)


class KeyTaken(Exception):
    """Another request with the same key and body was faster; *result* is what it has made."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


def take(database: Database, connection: Connection, key: IdempotencyKey, now_us: int) -> None:
    """Take *key* for what is about to be made. Raises: KeyTaken, KeyReused."""
    result = earlier(database, connection, key, now_us)
    if result is not None:
        raise KeyTaken(result)


def finish(database: Database, connection: Connection, key: IdempotencyKey, result: str) -> None:
    """Keep the id of what was made with *key*."""
    database.run(connection, _FINISH, {**_place(key), "result": result})


def _check(key: IdempotencyKey, digest: str) -> None:
    if digest != key.body_digest:
        raise KeyReused(
            f"The idempotency key {key.key!r} was used with another body within 24 hours."
        )


def _place(key: IdempotencyKey) -> dict[str, str]:
    return {"scope": key.scope, "key": key.key}


class Idempotency:
    """The keys as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, scope: str, key: str, now_us: int) -> str | None:
        """Return the id of what *key* made within the last 24 hours."""
        statement = f"{_FIND} AND created_us >= :oldest"
        values = {"scope": scope, "key": key, "oldest": now_us - KEPT_US}
        with self._database.read() as connection:
            row = self._database.run(connection, statement, values).first()
        return None if row is None else str(row[1])

    def made(self, key: IdempotencyKey, now_us: int) -> str | None:
        """Return the id of what *key* has already made, None when it is new or too old.

        Raises: KeyReused when the earlier request had another body.
        """
        statement = f"{_FIND} AND created_us >= :oldest"
        values = {**_place(key), "oldest": now_us - KEPT_US}
        with self._database.read() as connection:
            row = self._database.run(connection, statement, values).first()
        if row is None:
            return None
        _check(key, str(row[0]))
        return str(row[1])

    def keep(self, key: IdempotencyKey, result: str) -> None:
        """Keep another result of what was made with *key*, if it has not been reached at once."""
        with self._database.write() as connection:
            finish(self._database, connection, key, result)

    def prune(self, now_us: int, batch: int) -> int:
        """Forget up to *batch* of the keys older than 24 hours; return how many."""
        values = {"oldest": now_us - KEPT_US, "batch": batch}
        with self._database.write() as connection:
            return self._database.run(connection, _PRUNE, values).rowcount
