"""One scheduler leads, whatever the database; another takes over at once or when time is up."""

from collections.abc import Iterator

import pytest

from jobsched import events
from jobsched.clock import SECOND
from jobsched.events import Event
from jobsched.scheduling.leader import Leader
from jobsched.storage import Store
from jobsched.storage.firing import LEASE
from jobsched.storage.locks import scheduler_lock
from tests.support.firing import Moment


class Pair:
    """Two would-be leaders over one database and one clock."""

    def __init__(self, store: Store) -> None:
        self.moment = Moment()
        self.one, self.two = (self._leader(store) for _ in range(2))

    def _leader(self, store: Store) -> Leader:
        lock = scheduler_lock(store.database)
        return Leader(store, lock, self.moment, lambda: self.moment.us / SECOND)


@pytest.fixture
def pair(store: Store) -> Iterator[Pair]:
    pair = Pair(store)
    yield pair
    pair.one.resign()
    pair.two.resign()


def test_only_one_leads(pair: Pair) -> None:
    first = pair.one.lease()

    assert first is not None
    assert pair.two.lease() is None
    assert pair.one.lease() == first


def test_a_leader_that_resigns_is_followed_at_once_under_the_next_epoch(pair: Pair) -> None:
    first = pair.one.lease()
    pair.one.resign()

    second = pair.two.lease()

    assert first is not None
    assert second is not None
    assert second.epoch > first.epoch


def test_a_dead_leader_is_followed_at_once(pair: Pair) -> None:
    assert pair.one.lease() is not None
    pair.one._lock.release()  # as the system does when its process dies

    assert pair.two.lease() is not None


def test_a_frozen_leader_is_followed_when_its_lease_is_over(pair: Pair) -> None:
    assert pair.one.lease() is not None
    pair.moment.go(9.9)
    assert pair.two.lease() is None
    pair.moment.go(0.2)

    assert pair.two.lease() is not None
    assert pair.one.lease() is None


def test_a_lease_is_renewed_every_three_seconds(store: Store, pair: Pair) -> None:
    assert pair.one.lease() is not None
    before = store.leases.read(LEASE)

    pair.moment.go(2.9)
    pair.one.lease()
    unchanged = store.leases.read(LEASE)
    pair.moment.go(0.2)
    pair.one.lease()
    renewed = store.leases.read(LEASE)

    assert before is not None
    assert unchanged == before
    assert renewed is not None
    assert renewed.expires_us == before.expires_us + 3_100_000


def test_a_failed_takeover_leaves_the_lock_to_others(pair: Pair) -> None:
    assert pair.one.lease() is not None
    assert pair.two.lease() is None
    pair.one.resign()

    assert pair.one.lease() is not None


def test_a_leader_that_was_frozen_leaves_lead_and_lock_to_its_follower(pair: Pair) -> None:
    assert pair.one.lease() is not None
    pair.moment.go(11)
    assert pair.two.lease() is not None

    assert pair.one.lease() is None
    assert pair.one.lease() is None
    assert pair.two.lease() is not None
    pair.moment.go(3)
    assert pair.one.lease() is None
    assert pair.two.lease() is not None


def test_a_scheduler_that_stands_by_says_so_once(pair: Pair) -> None:
    heard: list[Event] = []
    deaf = events.listen(heard.append)
    pair.one.lease()

    for _ in range(3):
        pair.two.lease()

    deaf()
    awaited = [event.fields for event in heard if event.name == "lead awaited"]
    assert awaited == [{"owner": pair.two.owner, "held_by": pair.one.owner}]
