"""Filling the places of this machine: claiming queued runs and handing them to runners.

A run is told to a runner only after its claim is committed and only while a place is free. When
runs are so short that a transaction for each handful would cost more than they do, a few more
are claimed ahead: what ends within a twentieth of a second at the present pace, never more.
"""

import logging
from collections import deque
from contextlib import suppress

from jobsched import clock
from jobsched.execution.backoff import Backoff
from jobsched.execution.protocol import Key, Message
from jobsched.execution.supervisor import settling
from jobsched.execution.supervisor.books import Books
from jobsched.execution.supervisor.commands import owner_of, start_message
from jobsched.execution.supervisor.fleet import Fleet
from jobsched.execution.supervisor.handover import Handover
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.surroundings import Present
from jobsched.model import Run
from jobsched.storage.claims import Claims

_log = logging.getLogger(__name__)
_WINDOW = 0.1  # seconds over which the pace is measured
_MOST_AHEAD = 64
_KEEP = 0.25  # seconds after which what was claimed ahead goes back to the queue


class Pace:
    """How many runs end in a tenth of a second at present."""

    def __init__(self) -> None:
        self._since = 0.0
        self._count = 0
        self._before = 0

    def add(self, count: int) -> None:
        """Note that *count* more have ended."""
        now = clock.monotonic()
        if now - self._since > _WINDOW:
            self._before = self._count if now - self._since < 2 * _WINDOW else 0
            self._since, self._count = now, 0
        self._count += count

    @property
    def now(self) -> int:
        """The pace; 0 when nothing has ended lately."""
        idle = clock.monotonic() - self._since > 2 * _WINDOW
        return 0 if idle else max(self._count, self._before)


class Filler:
    """Keeps as many runs alive as there are places, while the queue has any."""

    def __init__(
        self, claims: Claims, present: Present, books: Books, fleet: Fleet, boot_id: str
    ) -> None:
        self._settings = present.around.settings
        self._claims = claims
        self._present = present
        self._books = books
        self._fleet = fleet
        self.boot_id = boot_id
        self._hand: deque[tuple[str, Run]] = deque()  # claimed, but no runner knows yet
        self._since = 0.0
        self._shortage = Backoff()
        self._not_before = 0.0
        self.pace = Pace()

    def holds(self, key: Key) -> bool:
        """Return whether a run is claimed and no runner knows of it yet."""
        preparing = self._handover.holds(key)
        return preparing or any((run.id, run.claim) == key for _, run in self._hand)

    @property
    def _handover(self) -> Handover:
        return self._present.around.handover

    @property
    def busy(self) -> bool:
        """Whether a run waits for what it is to be given: come back soon."""
        return self._handover.busy

    def drop(self, key: Key) -> bool:
        """Hand this run to nobody after all; return whether that was in time."""
        before = len(self._hand)
        self._hand = deque(item for item in self._hand if (item[1].id, item[1].claim) != key)
        return self._handover.drop(key) or len(self._hand) < before

    def take(self, runner: str, run: Run) -> None:
        """Hand out a claimed *run* as soon as a place is free, and it has what it is given."""
        with suppress(CannotStart):  # said when it is handed out
            if self._handover.begin(runner, run, owner_of(run, self._settings)):
                return
        self._put(runner, run)

    def _put(self, runner: str, run: Run) -> None:
        self._since = clock.monotonic()
        self._hand.append((runner, run))

    def give(self, runner: str, run: Run, lease: float | None = None) -> None:
        """Tell *runner* of a claimed run that takes no place: that of a service.

        With a *lease* it goes on for so many seconds only, unless that is prolonged.
        """
        message = self._message(run, reports=False)
        if message is not None:
            self._fleet.send(runner, [message | {"lease": lease}])

    def rest(self) -> float:
        """Wait with claiming, for want of something; return for how many seconds."""
        delay = self._shortage.failed()
        self._not_before = clock.monotonic() + delay
        return delay

    def hand_out(self) -> None:
        """Tell runners of as many claimed runs as there are places."""
        self._prepare()
        by_runner: dict[str, list[Message]] = {}
        free = self._free()
        while self._hand and free > 0:
            runner, run = self._hand.popleft()
            message = self._message(run)
            if message is not None:
                by_runner.setdefault(runner, []).append(message)
                free -= 1
        for runner, messages in by_runner.items():
            self._fleet.send(runner, messages)

    def fill(self) -> float | None:
        """Claim what there is room for, commit, and hand it out.

        Returns: in how many seconds a waiting run is due, if one is the reason for a free place.
        """
        self._put_back_stale()
        ahead = min(_MOST_AHEAD, self.pace.now // 2)
        wanted = self._free() + ahead - len(self._hand)
        runners = self._fleet.ready()
        if wanted <= ahead // 2 or not runners or clock.monotonic() < self._not_before:
            return None
        now_us = clock.now_us()
        node = self._settings.node
        claims = self._claims.claim(node, self.boot_id, runners, wanted, now_us)
        for one in claims:
            self._books.host((one.run.id, one.run.claim), one.runner, one.run)
            self.take(one.runner, one.run)
        self.hand_out()
        if claims:
            self._shortage.succeeded()
        return None if len(claims) == wanted else self._next_due(now_us)

    def _free(self) -> int:
        return self._settings.capacity - self._books.alive + len(self._hand)

    def _next_due(self, now_us: int) -> float | None:
        due = self._claims.next_due(now_us)
        return None if due is None else (due - now_us) / clock.SECOND

    def _put_back_stale(self) -> None:
        """Return to the queue what was claimed ahead of a pace that did not last."""
        if self._hand and clock.monotonic() - self._since > _KEEP and self._free() <= 0:
            keys = [(run.id, run.claim) for _, run in self._hand]
            self._claims.requeue(keys, "It waits for a free place.")
            self._hand.clear()
            self._books.release(keys)
            for key in keys:
                self._handover.forget(key)

    def _prepare(self) -> None:
        """Go on with what retries are given; what cannot be written now is tried again later."""
        for one in self._handover.step():
            if one.failure is None:
                self._put(one.runner, one.run)
            else:
                self._books.returned[one.run.id, one.run.claim] = one.failure

    def _message(self, run: Run, *, reports: bool = True) -> Message | None:
        if run.task not in self._present.around.catalog:
            self._present.look()
        try:
            files = self._handover.variables(run, owner_of(run, self._settings)) if reports else {}
            return start_message(run, self._present.around, files)
        except CannotStart as error:
            reason = error.reason
        # A mistake about one run, made again at every start, would stop all the others.
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            _log.error("run not understood run=%s", run.id, exc_info=error)
            reason = f"It cannot be started: {error}."
        self._books.run_ended(settling.not_started((run.id, run.claim), reason, clock.now_us()))
        return None
