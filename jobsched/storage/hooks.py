"""Web hooks: the addresses that want to be told, and how telling them went last."""

import builtins
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsched import clock
from jobsched.clock import from_us
from jobsched.errors import Conflict, HookExists
from jobsched.storage.database import Database
from jobsched.storage.texts import to_text

MOST = 100
_SELECT = """
SELECT id, url, login, insecure_ssl, events, only_failures, base_url, created_us, last_status,
    last_reason, last_us, last_context FROM hooks
"""
_LIST = f"{_SELECT} ORDER BY created_us, id"
_GET = f"{_SELECT} WHERE id = :id"
_SAME = "SELECT id FROM hooks WHERE url = :url"
_COUNT = "SELECT count(*) FROM hooks"
_ADD = """
INSERT INTO hooks (id, url, login, insecure_ssl, events, only_failures, base_url, created_us)
VALUES (:id, :url, :login, :insecure_ssl, :events, :only_failures, :base_url, :now)
ON CONFLICT (url) DO NOTHING
"""
_DELETE = "DELETE FROM hooks WHERE id = :id"
_DELETE_DELIVERIES = "DELETE FROM deliveries WHERE hook_id = :id"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHook:
    """A web hook to be: *login* is ``USER:PASSWORD``, *base_url* that of the links it is sent."""

    url: str
    events: tuple[str, ...]
    base_url: str
    login: str | None = None
    insecure_ssl: bool = False
    only_failures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook(NewHook):
    """A web hook; what begins with *last* tells of its newest attempt: context is the body."""

    id: str
    created_at: datetime
    last_status: int | None
    last_reason: str | None
    last_at: datetime | None
    last_context: str | None


class Hooks:
    """All web hooks of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewHook) -> Hook:
        """Keep a new web hook under an id of its own.

        Raises: HookExists for an address that has one; Conflict when there are too many.
        """
        values: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "url": new.url,
            "login": new.login,
            "insecure_ssl": int(new.insecure_ssl),
            "events": to_text(new.events),
            "only_failures": int(new.only_failures),
            "base_url": new.base_url,
            "now": clock.now_us(),
        }
        with self._database.write() as connection:
            if self._database.run(connection, _COUNT).scalar_one() >= MOST:
                raise Conflict(f"There are {MOST} web hooks, which is the most.")
            if not self._database.run(connection, _ADD, values).rowcount:
                raise HookExists(self._database.run(connection, _SAME, values).scalar_one())
            return _hook(self._database.rows(connection, _GET, {"id": values["id"]})[0])

    def list(self) -> builtins.list[Hook]:
        """Return all web hooks, oldest first."""
        with self._database.read() as connection:
            return [_hook(row) for row in self._database.rows(connection, _LIST)]

    def get(self, hook_id: str) -> Hook | None:
        """Return the web hook with this id."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _GET, {"id": hook_id})
        return _hook(rows[0]) if rows else None

    def delete(self, hook_id: str) -> bool:
        """Remove a web hook and all that it was to be told; return whether there was one."""
        with self._database.write() as connection:
            self._database.run(connection, _DELETE_DELIVERIES, {"id": hook_id})
            return self._database.run(connection, _DELETE, {"id": hook_id}).rowcount == 1


def _hook(row: Sequence[Any]) -> Hook:
    (hook_id, url, login, insecure, events, failures, base, created, status, reason, at,
     context) = row  # fmt: skip
    return Hook(
        id=hook_id,
        url=url,
        login=login,
        insecure_ssl=bool(insecure),
        events=tuple(json.loads(events)),
        only_failures=bool(failures),
        base_url=base,
        created_at=from_us(created),
        last_status=status,
        last_reason=reason,
        last_at=None if at is None else from_us(at),
        last_context=context,
    )
