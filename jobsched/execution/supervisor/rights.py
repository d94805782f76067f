"""The rights of this machine to run singletons: leases that are renewed while they are used.

Nobody else can have a right before its lease is over, by the database's clock. The runner is
told to end the run a little earlier unless it hears that the lease was renewed; so a machine
that is cut off, or whose supervisor is gone, has let go before another one takes over.
"""

from dataclasses import dataclass

from jobsched import clock
from jobsched.storage import Store
from jobsched.storage.services import lease_of

LEASE = 15.0  # seconds
RENEW = 5.0
_MARGIN = 3.0  # seconds that the runner lets go earlier


@dataclass(slots=True)
class _Right:
    """One lease: its epoch, and since when (monotonic) it is counted."""

    epoch: int
    since: float

    @property
    def left(self) -> float:
        """Seconds for which a run may still go on; what is over is over at once."""
        return max(0.001, self.since + LEASE - _MARGIN - clock.monotonic())


class Rights:
    """Which singletons *node* may run."""

    def __init__(self, store: Store, node: str) -> None:
        self._leases = store.leases
        self._services = store.services
        self._node = node
        self._held: dict[int, _Right] = {}
        self._renew_at = 0.0

    def take(self, job_key: int) -> bool:
        """Return whether the right to run a job is ours, or was free and is ours now."""
        if job_key in self._held:
            return True
        since = clock.monotonic()  # before the database counts: rather too short than too long
        epoch = self._leases.take(lease_of(job_key), self._node, LEASE)
        if epoch is None:
            return False
        self._held[job_key] = _Right(epoch, since)
        return True

    def epoch(self, job_key: int) -> int | None:
        """Return under which epoch the right is held, None when it is not."""
        right = self._held.get(job_key)
        return None if right is None else right.epoch

    def left(self, job_key: int) -> float | None:
        """Return for how many seconds a run may go on without a renewal, None for no limit."""
        right = self._held.get(job_key)
        return None if right is None else right.left

    def renew(self) -> tuple[set[int], set[int]]:
        """Renew what is held, every few seconds; return what was renewed and what is lost."""
        if not self._held or clock.monotonic() < self._renew_at:
            return set(), set()
        since = clock.monotonic()
        epochs = {key: right.epoch for key, right in self._held.items()}
        ours = self._services.renew(self._node, epochs, LEASE)
        self._renew_at = since + RENEW
        for key in ours:
            self._held[key].since = since
        lost = epochs.keys() - ours
        for key in lost:
            del self._held[key]
        return ours, lost

    def release(self, job_key: int) -> None:
        """Give a right back, if it is held, so that another machine need not wait."""
        right = self._held.pop(job_key, None)
        if right is not None:
            self._leases.release(lease_of(job_key), self._node, right.epoch)
