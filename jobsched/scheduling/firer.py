"""Leading and firing together: what any loop calls, again and again."""

from collections.abc import Callable

from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.cycle import LONGEST_SLEEP, Cycle
from jobsched.scheduling.leader import Leader
from jobsched.storage import Store
from jobsched.storage.decisions import LeaseLost
from jobsched.storage.locks import scheduler_lock


class Firer:
    """Fires the jobs of a store as long as it leads."""

    def __init__(self, leader: Leader, cycle: Cycle) -> None:
        self.leader = leader
        self.cycle = cycle

    @classmethod
    def of(
        cls, store: Store, notify: Callable[[str], None], almanac: Almanac | None = None
    ) -> "Firer":
        """Return the firer of *store* with its own leader and cycle."""
        leader = Leader(store, scheduler_lock(store.database))
        return cls(leader, Cycle(store, notify, almanac=almanac))

    def fire(self) -> float:
        """Fire up to one batch if this process leads; return the seconds until the next call.

        Raises: DatabaseBusy, DiskFull, Unavailable; nothing has been done then.
        """
        lease = self.leader.lease()
        if lease is None:
            return LONGEST_SLEEP
        try:
            return self.cycle.look(lease)
        except LeaseLost:
            self.leader.lost()
            return LONGEST_SLEEP
