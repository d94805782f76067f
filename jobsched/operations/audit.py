"""Reading the audit log: who did what, from where, on which object, with which answer."""

from jobsched.storage import Store
from jobsched.storage.audit import AuditEntry, AuditFilter
from jobsched.storage.paging import Page


class AuditLog:
    """What the gate has written; nothing in it can be changed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, filters: AuditFilter, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """Return a page of the entries that pass *filters*, newest first."""
        return self._store.audit.list(limit, cursor, filters)
