"""The audit log: who did what, from where, and how it was answered. Rows are only added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import or_, select

from jobsched.clock import from_us, to_us
from jobsched.storage.database import Database
from jobsched.storage.paging import Page, page_of, place_of
from jobsched.storage.searching import Condition, contains
from jobsched.storage.tables import audit

_ADD = """
INSERT INTO audit (at_us, who, source, what, target, status, request_id)
VALUES (:at_us, :who, :source, :what, :target, :status, :request_id)
"""
_PRUNE = """
DELETE FROM audit WHERE id IN (
    SELECT id FROM (SELECT id, at_us FROM audit ORDER BY id LIMIT :batch) AS oldest
    WHERE at_us < :before
)
"""


class Action(Protocol):
    """Something that was done, on its way into the log."""

    @property
    def at_us(self) -> int: ...
    @property
    def who(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def target(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def request_id(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the log; *status* is that of the answer."""

    id: int
    at: datetime
    who: str
    source: str
    what: str
    target: str | None
    status: int
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines to list; None = any. *what* is a part of what was done or of its object."""

    who: str | None = None
    what: str | None = None
    since: datetime | None = None


_ANY = AuditFilter()


class Audit:
    """The whole log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, actions: Sequence[Action]) -> None:
        """Add *actions* in one transaction, texts cut to what a column holds."""
        rows = [
            {
                "at_us": action.at_us,
                "who": action.who[:200],
                "source": action.source[:100],
                "what": action.what[:100],
                "target": None if action.target is None else action.target[:200],
                "status": action.status,
                "request_id": action.request_id[:36],
            }
            for action in actions
        ]
        with self._database.write() as connection:
            self._database.many(connection, _ADD, rows)

    def list(
        self, limit: int, cursor: str | None = None, filters: AuditFilter = _ANY
    ) -> Page[AuditEntry]:
        """Return up to *limit* entries that pass *filters*, newest first."""
        conditions = _conditions(self._database.dialect, filters)
        query = select(audit).where(*conditions).order_by(audit.c.id.desc()).limit(limit + 1)
        if (place := place_of(cursor)) is not None:
            query = query.where(audit.c.id < place)
        with self._database.read() as connection:
            found = [
                AuditEntry(
                    id=row.id,
                    at=from_us(row.at_us),
                    who=row.who,
                    source=row.source,
                    what=row.what,
                    target=row.target,
                    status=row.status,
                    request_id=row.request_id,
                )
                for row in connection.execute(query)
            ]
        return page_of(found, limit, lambda entry: entry.id)

    def prune(self, before_us: int, batch: int) -> int:
        """Delete those of the oldest *batch* entries that were made before *before_us*.

        Entries are in the order of their time, so that a log in which all is new costs one look.

        Returns: how many.
        """
        with self._database.write() as connection:
            values = {"before": before_us, "batch": batch}
            return self._database.run(connection, _PRUNE, values).rowcount


def _conditions(dialect: str, filters: AuditFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if filters.who is not None:
        conditions.append(audit.c.who == filters.who)
    if filters.what is not None:
        columns = (audit.c.what, audit.c.target)
        conditions.append(or_(*(contains(dialect, column, filters.what) for column in columns)))
    if filters.since is not None:
        conditions.append(audit.c.at_us >= to_us(filters.since))
    return conditions
