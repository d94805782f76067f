"""Who fires: the one scheduler that holds the lease, and how another takes over.

The lease is a row with an epoch, which every firing checks: it is the truth. The lock beside it
only makes a takeover instant, for it is free as soon as its holder is dead.
"""

import logging
import os
import socket
from collections.abc import Callable
from uuid import uuid4

from jobsched import clock
from jobsched.events import Event, publish
from jobsched.storage import Store
from jobsched.storage.decisions import Lease
from jobsched.storage.firing import LEASE
from jobsched.storage.locks import Lock

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0


class Leader:
    """The claim of one process to lead; call :meth:`lease` at least once a second.

    *now_us* replaces the clock that leases go by, the database's own or the machine's.
    """

    def __init__(
        self,
        store: Store,
        lock: Lock,
        now_us: Callable[[], int | None] = lambda: None,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._leases = store.leases
        self._lock = lock
        self._now_us = now_us
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._renewed = 0.0
        # Having lost, leave the lock to the one who leads now: to hold it means to be trusted.
        self._shy_until = 0.0
        self._waiting = False

    def lease(self) -> Lease | None:
        """Return the lease while this process leads, after renewing or trying to take it."""
        if self._lease is None:
            return self._take()
        self._lock.take()  # whoever lost the lead with the lock gives it back late
        if self._monotonic() - self._renewed >= RENEW_SECONDS:
            self._renew(self._lease)
        return self._lease

    def lost(self) -> None:
        """Note that a firing was refused: another process leads."""
        self._lease = None
        self._lock.release()
        self._shy_until = self._monotonic() + RENEW_SECONDS
        _tell("lead lost", logging.WARNING, self.owner)

    def resign(self) -> None:
        """Give up the lead, so that another may take it at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._leases.release(LEASE, lease.owner, lease.epoch)
        self._lock.release()

    def _renew(self, lease: Lease) -> None:
        now_us = self._now_us()
        if self._leases.renew(LEASE, lease.owner, lease.epoch, LEASE_SECONDS, now_us):
            self._renewed = self._monotonic()
        else:
            self.lost()

    def _take(self) -> Lease | None:
        if self._monotonic() >= self._shy_until and self._lock.take():
            self._release_the_dead()
        epoch = self._leases.take(LEASE, self.owner, LEASE_SECONDS, self._now_us())
        if epoch is None:
            self._tell_waiting()
            return None
        self._waiting = False
        self._lease = Lease(owner=self.owner, epoch=epoch)
        self._renewed = self._monotonic()
        _tell("lead taken", logging.INFO, self.owner)
        return self._lease

    def _tell_waiting(self) -> None:
        """Say once that another process leads, and which."""
        if not self._waiting:
            held = self._leases.read(LEASE)
            _tell("lead awaited", logging.INFO, self.owner, held_by=held and held.owner)
        self._waiting = True

    def _release_the_dead(self) -> None:
        """Release the lease of a leader whose lock is free: it has died."""
        held = self._leases.read(LEASE)
        if held is not None and held.owner != self.owner:
            self._leases.release(LEASE, held.owner, held.epoch)


def _tell(name: str, level: int, owner: str, **more: object) -> None:
    publish(Event(name=name, level=level, fields={"owner": owner} | more))
