"""What the supervisor has in hand: the runs it hosts, and what the database does not know yet.

Everything here can be rebuilt from the rows and from the runners; nothing is taken off a list
before the transaction that stored it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from jobsched.execution.protocol import Key, Message
from jobsched.execution.supervisor import settling
from jobsched.model import EndedBy, Run
from jobsched.storage.claims import Settlement


@dataclass(slots=True, kw_only=True)
class Hosted:
    """A claimed run and the runner it is with; *run* is None for an adopted one."""

    runner: str
    run: Run | None = None
    running: bool = False  # the row says so already
    told: EndedBy | None = None  # the last stop that its runner was told


@dataclass(slots=True)
class Books:
    """The runs in hand by (run id, claim), and four lists of what is to be written."""

    hosted: dict[Key, Hosted] = field(default_factory=dict)
    ends: dict[Key, Settlement] = field(default_factory=dict)
    started: dict[Key, int] = field(default_factory=dict)
    returned: dict[Key, str] = field(default_factory=dict)
    progress: dict[Key, Message] = field(default_factory=dict)
    service_runs: dict[int, int] = field(default_factory=dict)  # their jobs' numbers by run id
    _services: set[Key] = field(default_factory=set)

    @property
    def alive(self) -> int:
        """How many runs in hand have not ended yet; services, which take no place, are left out."""
        over = [*self.ends, *self.returned]
        services = len(self._services) - sum(key in self._services for key in over)
        return len(self.hosted) - len(over) - services

    def is_service(self, key: Key) -> bool:
        """Return whether a run in hand is that of a continuous job."""
        return key in self._services

    def host(self, key: Key, runner: str, run: Run | None = None) -> None:
        """Take a run in hand."""
        self.hosted[key] = Hosted(runner=runner, run=run)
        if key[0] in self.service_runs:
            self._services.add(key)

    def run_started(self, key: Key, started_us: int) -> None:
        """Note that a run's process exists."""
        hosted = self.hosted.get(key)
        if hosted is not None and not hosted.running:
            self.started[key] = started_us

    def run_ended(self, settlement: Settlement) -> None:
        """Note how a run ended; that it started need not be told any more."""
        key = (settlement.end.run_id, settlement.end.claim)
        self.started.pop(key, None)
        self.ends[key] = settlement

    def run_refused(self, key: Key, facts: Message, now_us: int) -> None:
        """Note that a run could not be started: our own want returns it to the queue."""
        if facts.get("shortage"):
            self.started.pop(key, None)
            self.returned[key] = str(facts["reason"])
        else:
            self.run_ended(settling.not_started(key, str(facts["reason"]), now_us))

    def confirmed(self, keys: Iterable[Key]) -> None:
        """Forget that these have started: their rows say so."""
        for key in keys:
            self.started.pop(key, None)
            if key in self.hosted:
                self.hosted[key].running = True

    def release(self, keys: Iterable[Key]) -> dict[str, list[Key]]:
        """Let these go, whose end or return is stored; return them by the runner that had them."""
        by_runner: dict[str, list[Key]] = {}
        for key in list(keys):
            self.ends.pop(key, None)
            self.returned.pop(key, None)
            self.progress.pop(key, None)
            self._services.discard(key)
            hosted = self.hosted.pop(key, None)
            if hosted is not None:
                by_runner.setdefault(hosted.runner, []).append(key)
        return by_runner
