"""The tokens: who may do what. Only their digests are kept."""

import builtins
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsched import clock
from jobsched.clock import from_us
from jobsched.errors import Conflict
from jobsched.model import Role
from jobsched.storage.database import Database

_ADD = """
INSERT INTO tokens (name, role, digest, created_us, expires_us)
VALUES (:name, :role, :digest, :now, :expires_us) RETURNING id
"""
_VALID = """
SELECT id FROM tokens WHERE name = :name AND (expires_us IS NULL OR expires_us > :now)
"""
_COLUMNS = "SELECT id, name, role, digest, created_us, expires_us, used_us FROM tokens"
_BY_DIGEST = f"{_COLUMNS} WHERE digest = :digest"
_LIST = f"{_COLUMNS} ORDER BY id"
_DELETE = "DELETE FROM tokens WHERE id = :id"
_TOUCH = "UPDATE tokens SET used_us = :now WHERE id = :id"
_ANY = "SELECT EXISTS (SELECT 1 FROM tokens)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: *digest* is its SHA-256, hexadecimal."""

    id: int
    name: str
    role: Role
    digest: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class Tokens:
    """All tokens of the database, expired ones as well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, digest: str, expires_us: int | None = None) -> int:
        """Keep the digest of a new token; return its id.

        Raises: Conflict while another token of this name is valid: the audit log tells names.
        """
        values = {
            "name": name,
            "role": role.value,
            "digest": digest,
            "now": clock.now_us(),
            "expires_us": expires_us,
        }
        with self._database.write() as connection:
            other = self._database.run(connection, _VALID, values).scalar()
            if other is not None:
                raise Conflict(f"Token {other} is named {name!r} as well and still valid.")
            return int(self._database.run(connection, _ADD, values).scalar_one())

    def by_digest(self, digest: str) -> Token | None:
        """Return the token with this digest."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _BY_DIGEST, {"digest": digest})
        return _token(*rows[0]) if rows else None

    def list(self) -> builtins.list[Token]:
        """Return all tokens, oldest first."""
        with self._database.read() as connection:
            return [_token(*row) for row in self._database.run(connection, _LIST)]

    def delete(self, token_id: int) -> bool:
        """Take a token back; return whether there was one."""
        with self._database.write() as connection:
            return self._database.run(connection, _DELETE, {"id": token_id}).rowcount == 1

    def touch(self, token_id: int, now_us: int) -> None:
        """Note the last use of a token."""
        with self._database.write() as connection:
            self._database.run(connection, _TOUCH, {"id": token_id, "now": now_us})

    def any(self) -> bool:
        """Return whether there is any token."""
        with self._database.read() as connection:
            [[found]] = self._database.rows(connection, _ANY)
        return bool(found)


def _token(*row: Any) -> Token:
    token_id, name, role, digest, created, expires, used = row
    return Token(
        id=token_id,
        name=name,
        role=Role(role),
        digest=digest,
        created_at=from_us(created),
        expires_at=None if expires is None else from_us(expires),
        used_at=None if used is None else from_us(used),
    )
