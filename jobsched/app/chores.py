"""Housekeeping beside the supervisor: a thread that prunes old runs and empties SQLite's log."""

import logging
import threading
from collections.abc import Callable

from jobsched import clock, events
from jobsched.errors import JobschedError
from jobsched.events import Event, publish
from jobsched.operations.announce import Announcer
from jobsched.operations.clients import Clients
from jobsched.operations.reports import Silences
from jobsched.operations.retention import Retention
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.locks import chores_lock

_CHECKPOINT_EVERY = 2.0
_PRUNE_EVERY = 60.0
_PRUNE_BUSY_EVERY = 10.0


class Chores:
    """Works with a store of its own, in small transactions, while the supervisor serves.

    *notify* wakes the listeners of a topic.
    """

    def __init__(self, settings: Settings, notify: Callable[[str], None]) -> None:
        self._store = Store.open(settings.database_url)
        self._lock = chores_lock(self._store.database)
        self._ours = self._lock is None
        self._retention = Retention(settings, self._store)
        self._clients = Clients(self._store, settings, Announcer(notify))
        self._silences = Silences(self._store, settings, Announcer(notify))
        self._deaf = events.listen(self._retention.hear)
        self._done = threading.Event()
        self._prune_at = self._prune_busy_at = clock.monotonic() + _CHECKPOINT_EVERY
        self._thread = threading.Thread(target=self._work, name="chores", daemon=True)

    def start(self) -> None:
        """Begin working."""
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction at hand."""
        self._done.set()
        self._thread.join()
        self._deaf()
        self._store.close()
        if self._lock is not None:
            self._lock.release()

    def _work(self) -> None:
        while not self._done.wait(_CHECKPOINT_EVERY):
            try:
                self._round()
            except JobschedError as error:
                self._tell(error.detail)
            except Exception as error:  # the thread's edge: the next round may well succeed
                self._tell(repr(error))

    def _is_ours(self) -> bool:
        """Return whether the work is ours: of the nodes that share a SQLite file, one does it."""
        if not self._ours and self._lock is not None and self._lock.take():
            self._ours = True
            self._store.database.own_checkpoints()
        return self._ours

    def _round(self) -> None:
        self._clients.bury()  # of a web part that was started alone and killed
        if not self._is_ours():
            return
        self._silences.end()
        now = clock.monotonic()
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_EVERY
            self._retention.prune(self._done)
        if now >= self._prune_busy_at:
            self._prune_busy_at = now + _PRUNE_BUSY_EVERY
            self._retention.prune_busy(self._done)
        self._store.database.checkpoint()

    def _tell(self, reason: str) -> None:
        fields: dict[str, object] = {"part": "chores", "reason": reason}
        publish(Event(name="database trouble", level=logging.WARNING, fields=fields))
