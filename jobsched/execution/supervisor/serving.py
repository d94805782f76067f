"""The life of a supervisor's process: the node's lock, the loop, the ordered stop."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from jobsched import clock
from jobsched.catalog import Catalog
from jobsched.errors import ConfigurationError, JobschedError, Mistake
from jobsched.events import Event, publish
from jobsched.execution.supervisor.loop import Supervisor
from jobsched.execution.supervisor.machine import NodeLock, boot_id
from jobsched.execution.sweep import LAYERS
from jobsched.model import EndedBy
from jobsched.settings import Settings
from jobsched.storage import Store

Beat = Callable[[], None]
_LOCK_WITHIN = 5.0  # seconds that a killed predecessor may take to be gone
_NODE_BEAT = 3.0
_FRESH = timedelta(seconds=4 * _NODE_BEAT)
_LEAVE_WITHIN = 60.0  # seconds of grace that a run has at the most when the server stops
_KILLED_WITHIN = 8.0  # more seconds, after which what lives is left to the next start
_SHUTDOWN = "The server was stopped."


class Service:
    """One supervisor from its start to its end; *at_once* hurries an ordered stop."""

    def __init__(self, settings: Settings, catalog: Catalog, beat: Beat) -> None:
        self._settings = settings
        self._beat = beat
        self._store = Store.open(settings.database_url)
        self._supervisor = Supervisor(settings, self._store, catalog)
        self._started_us = clock.now_us()
        self._node_due = 0.0

    def run(self, stopping: threading.Event, at_once: threading.Event) -> None:
        """Serve until *stopping*, then stop the runs, unless they are to be kept."""
        try:
            self._guarded(self._supervisor.begin)
            while not stopping.is_set():
                self._guarded(self._turn)
            if self._settings.keep_runs:
                self._guarded(self._supervisor.turn)
            else:
                self._stop_runs(at_once)
        finally:
            self._supervisor.close()
            self._store.close()

    def _turn(self) -> None:
        self._supervisor.turn()
        self._beat()
        if clock.monotonic() >= self._node_due:
            self._node_due = clock.monotonic() + _NODE_BEAT
            self._tell_node()

    def _tell_node(self) -> None:
        self._store.nodes.beat(
            name=self._settings.node,
            boot_id=boot_id(),
            capacity=self._settings.capacity,
            started_us=self._started_us,
            now_us=clock.now_us(),
            facts={"runners": self._supervisor.fleet.living(), "layers": LAYERS},
        )

    def _stop_runs(self, at_once: threading.Event) -> None:
        """End what waits and what lives, and see every end settled before leaving."""
        supervisor = self._supervisor
        supervisor.claiming = False
        if self._store.database.is_sqlite and not self._others():
            self._guarded(self._cancel_queue)
        until = clock.monotonic() + _LEAVE_WITHIN
        while supervisor.hosting and clock.monotonic() < until + _KILLED_WITHIN:
            hurried = at_once.is_set() or clock.monotonic() > until
            supervisor.stop_all(EndedBy.KILL if hurried else EndedBy.SHUTDOWN, _SHUTDOWN)
            self._guarded(self._turn)
        supervisor.fleet.retire()

    def _others(self) -> bool:
        """Return whether other nodes work on the same queue: then it is not ours to empty."""
        fresh = clock.now() - _FRESH
        nodes = self._store.nodes.list()
        return any(one.name != self._settings.node and one.heartbeat_at >= fresh for one in nodes)

    def _cancel_queue(self) -> None:
        self._store.claims.cancel_queued(EndedBy.SHUTDOWN, _SHUTDOWN, clock.now_us())

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do *action*; trouble with the database is told, and tried again a second later."""
        try:
            action()
        except JobschedError as error:
            fields: dict[str, object] = {"part": "supervisor", "reason": error.detail}
            publish(Event(name="database trouble", level=logging.WARNING, fields=fields))
            self._beat()
            self._supervisor.rest()
            self._supervisor.ask_again()


def run(
    settings: Settings,
    catalog: Catalog,
    beat: Beat,
    stopping: threading.Event,
    at_once: threading.Event | None = None,
) -> None:
    """Be the supervisor of this node until *stopping*; *at_once* cuts the grace of runs short.

    Raises: ConfigurationError when another supervisor of the node lives.
    """
    lock = NodeLock(settings.data_dir, settings.node)
    try:
        _take(lock, settings.node, beat)
        Service(settings, catalog, beat).run(stopping, at_once or threading.Event())
    finally:
        lock.close()


def _take(lock: NodeLock, node: str, beat: Beat) -> None:
    if lock.take():
        return
    fields: dict[str, object] = {"node": node, "seconds": _LOCK_WITHIN}
    publish(Event(name="node awaited", level=logging.INFO, fields=fields))
    until = clock.monotonic() + _LOCK_WITHIN
    while not lock.take():
        if clock.monotonic() > until:
            message = f"another supervisor of node {node!r} is running"
            raise ConfigurationError([Mistake(where="--node", message=message)])
        beat()
        threading.Event().wait(0.05)
