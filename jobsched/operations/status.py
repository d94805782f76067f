"""How the program is: its parts, who leads, what waits, what is paused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobsched import clock
from jobsched.operations import parts
from jobsched.operations.configuration import Configuration
from jobsched.operations.parts import Part
from jobsched.operations.scheduling import PauseOfAll, Scheduling
from jobsched.storage import Store
from jobsched.storage.firing import LEASE

FRESH = timedelta(seconds=15)  # a machine that has not been heard of for longer counts as away


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The facts of GET /status."""

    database: str
    leader: Mapping[str, Any] | None
    parts: list[Part]
    nodes: list[Mapping[str, Any]]
    scheduling: PauseOfAll
    jobs: Mapping[str, int]
    runs: Mapping[str, int]
    services: Mapping[str, int]
    queued: int
    by_queue: Mapping[str, int]
    oldest: datetime | None


class Status:
    """Looking at the program as a whole."""

    def __init__(self, store: Store, configuration: Configuration, scheduling: Scheduling) -> None:
        self._store = store
        self._configuration = configuration
        self._scheduling = scheduling

    def report(self) -> Report:
        """Return how everything is now."""
        figures = self._store.runs.figures()
        return Report(
            database=self._store.database.dialect,
            leader=self._leader(),
            parts=parts.read(self._configuration.settings.data_dir),
            nodes=self._nodes(),
            scheduling=self._scheduling.state(),
            jobs={state.value: count for state, count in self._store.jobs.counts().items()},
            runs={state.value: count for state, count in figures.by_state.items()},
            services={state.value: n for state, n in self._store.services.states().items()},
            queued=figures.queued,
            by_queue=figures.by_queue,
            oldest=None if figures.oldest_us is None else clock.from_us(figures.oldest_us),
        )

    def _leader(self) -> Mapping[str, Any] | None:
        """Return who fires, None when nobody does at present."""
        lease = self._store.leases.read(LEASE)
        if lease is None or lease.expires_us < clock.now_us():
            return None
        return {"owner": lease.owner, "epoch": lease.epoch}

    def _nodes(self) -> list[Mapping[str, Any]]:
        fresh = clock.now() - FRESH
        return [
            {
                **node.facts,
                "name": node.name,
                "alive": node.heartbeat_at >= fresh,
                "capacity": node.capacity,
                "started_at": node.started_at,
                "heartbeat_at": node.heartbeat_at,
            }
            for node in self._store.nodes.list()
        ]
