"""Why runs that are queued have not been started yet, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobsched import clock
from jobsched.model import Run, RunState
from jobsched.operations.status import FRESH
from jobsched.storage import Store

AWAY = "no supervisor is alive to start it"


@dataclass(frozen=True, slots=True)
class _Room:
    """What runs at present, by the number of its job, and how many may; None = nobody starts."""

    running: Mapping[int | None, int]
    capacity: int | None

    def obstacle(self, run: Run) -> str | None:
        """Return what keeps a due *run* from starting, None when it is about to start."""
        if self.capacity is None:
            return AWAY
        if run.job_key is not None and self._of_job(run) >= run.policy.max_instances:
            return "another run of its job is still alive"
        taken = sum(self.running.values())
        if taken >= self.capacity:
            return f"no place is free: {taken} of {self.capacity} are taken"
        return None

    def _of_job(self, run: Run) -> int:
        return self.running.get(run.job_key, 0)


class Waiting:
    """Looking for what queued runs wait for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reasons(self, runs: Sequence[Run]) -> dict[int, str]:
        """Return why those of *runs* wait that do, by their ids; two queries for all of them."""
        queued = [run for run in runs if run.state is RunState.QUEUED]
        now = clock.now()
        room = self._room(now) if any(_is_due(run, now) for run in queued) else None
        found: dict[int, str] = {}
        for run in queued:
            why = room.obstacle(run) if room and _is_due(run, now) else _later(run)
            said = [part for part in (run.reason, why) if part]
            if said:
                found[run.id] = "; ".join(said)
        return found

    def _room(self, now: datetime) -> _Room:
        places = [
            node.capacity for node in self._store.nodes.list() if node.heartbeat_at >= now - FRESH
        ]
        return _Room(self._store.runs.on_machines(), sum(places) if places else None)


def _is_due(run: Run, now: datetime) -> bool:
    return run.not_before is None or run.not_before <= now


def _later(run: Run) -> str | None:
    if run.not_before is None:
        return None
    return f"not before {run.not_before.isoformat()[:-6]}Z"
