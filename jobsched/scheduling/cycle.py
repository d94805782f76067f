"""The cycle: one look at the clock and the due jobs after the other, one transaction each."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import monotonic

from jobsched import clock
from jobsched.calendars import Calendars
from jobsched.clock import SECOND
from jobsched.events import Event, publish
from jobsched.scheduling import clockjumps, pausing, replanning
from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.deciding import decide, look_ahead
from jobsched.scheduling.knowledge import Knowledge, Known
from jobsched.scheduling.planning import Pause
from jobsched.scheduling.telling import tell
from jobsched.storage import Store
from jobsched.storage.decisions import Alive, Decision, Due, Lease
from jobsched.storage.switches import CONFIGURATION, PAUSE_ALL

BATCH = 1000
LONGEST_SLEEP = 1.0
# When more is due: lets writers of the API get in between two batches.
BREATH = 0.005
# So long may planning one batch take; the rest of it has its turn in the next look. The watchdog
# would otherwise end a scheduler whose jobs are slow to plan, and the next one likewise.
LONGEST_PLANNING = 1.0
_LEARNT = 100  # jobs learnt between two looks at the clock
# After a batch: what falls due in so short a time shares the next transaction, so that no trigger,
# however often it fires, keeps the loop spinning.
GATHERING = 0.01


class Cycle:
    """Fires due jobs under a lease.

    *notify* wakes the listeners of a topic; the calendars are those of *almanac*. *before_commit*
    is called between planning and the transaction; tests put there what may happen at that moment.
    *seconds* is the clock that tells how long planning takes.
    """

    def __init__(
        self,
        store: Store,
        notify: Callable[[str], None],
        now_us: Callable[[], int] = clock.now_us,
        batch: int = BATCH,
        almanac: Almanac | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self.before_commit: Callable[[], None] = lambda: None
        self._store = store
        self._notify = notify
        self._now_us = now_us
        self._batch = batch
        self._seconds = seconds
        self._almanac = almanac or Almanac()
        self._knowledge = Knowledge(store.firing, self._almanac.calendars)
        self._planned_by: Calendars | None = None  # calendars, of the jobs that name any
        self._last_us: int | None = None

    def look(self, lease: Lease) -> float:
        """Fire up to one batch of due jobs; return the seconds until the next look is useful.

        Raises: LeaseLost when another scheduler leads; DatabaseBusy, DiskFull, Unavailable.
        """
        now_us = self._now_us()
        self._watch_clock(lease, now_us)
        switches = self._store.switches.all()
        self._follow_calendars(lease, switches.get(CONFIGURATION), now_us)
        switch = switches.get(PAUSE_ALL)
        if pausing.is_paused(switch, now_us):
            return LONGEST_SLEEP
        batch = self._store.firing.due(now_us, self._batch)
        if batch:
            self._fire(lease, batch, now_us, pausing.last_pause(switch))
        if len(batch) == self._batch:
            return BREATH
        return max(self._until_next(), GATHERING if batch else 0.0)

    def _fire(self, lease: Lease, batch: Sequence[Due], now_us: int, pause: Pause | None) -> None:
        batch, known = self._learn(batch)
        seen = self._knowledge.seen(known.items())
        pauses = self._pauses(batch, pause)
        outlook = look_ahead(self._in_time(batch), known, now_us, pauses, seen)
        decision = Decision()

        def decided(alive: Alive) -> Decision:
            nonlocal decision
            decision = decide(outlook, alive)
            return decision

        self.before_commit()
        fired = self._store.firing.commit(lease, outlook.keys(), now_us, decided)
        if fired.runs:
            self._notify("supervisor")
        tell(decision, fired, known)

    def _learn(self, batch: Sequence[Due]) -> tuple[Sequence[Due], dict[int, Known]]:
        """Return as much of *batch* as is known or learnt in time, and what is known of it."""
        until = self._seconds() + LONGEST_PLANNING
        known: dict[int, Known] = {}
        for begin in range(0, len(batch), _LEARNT):
            known |= self._knowledge.of(batch[begin : begin + _LEARNT])
            if self._seconds() > until:
                return batch[: begin + _LEARNT], known
        return batch, known

    def _in_time(self, batch: Iterable[Due]) -> Iterator[Due]:
        """Yield of *batch* what is planned in time, the first one in any case."""
        until = self._seconds() + LONGEST_PLANNING
        for due in batch:
            yield due
            if self._seconds() > until:
                return

    def _pauses(self, batch: Sequence[Due], pause: Pause | None) -> dict[int, Pause]:
        """Return the pauses, over by now, that the jobs of *batch* come out of."""
        found: dict[int, Pause] = {}
        if pause is not None:
            found = {due.key: pause for due in batch if due.next_us < pause.end_us}
        resumed = {due.key: due for due in batch if due.state == "paused"}
        for details in self._store.firing.details([*resumed]):
            found[details.key] = pausing.pause_of(details, resumed[details.key])
        return found

    def _follow_calendars(
        self, lease: Lease, asked: Mapping[str, object] | None, now_us: int
    ) -> None:
        """Plan jobs by the calendars in force: at the start, and whenever those were read again."""
        self._almanac.keep_up(asked)
        before, after = self._planned_by, self._almanac.calendars
        if before is after:
            return
        self._knowledge = Knowledge(self._store.firing, after)
        both = (after if before is None else before, after)
        replanning.replan(self._store.firing, lease, both, now_us)
        self._planned_by = after

    def _until_next(self) -> float:
        next_us = self._store.firing.next_us()
        if next_us is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, max(0.0, (next_us - self._now_us()) / SECOND))

    def _watch_clock(self, lease: Lease, now_us: int) -> None:
        """Bring jobs back into reach when the clock has gone backwards."""
        last_us = self._last_us
        if last_us is not None and now_us < last_us - LONGEST_SLEEP * SECOND:
            calendars = self._almanac.calendars
            firing = self._store.firing
            moved = clockjumps.bring_back(firing, lease, last_us, now_us, calendars)
            fields: dict[str, object] = {"seconds": (last_us - now_us) / SECOND, "jobs": moved}
            publish(Event(name="clock went back", level=logging.WARNING, fields=fields))
        self._last_us = now_us
