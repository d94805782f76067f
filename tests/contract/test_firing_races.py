"""Firing while something else changes the job, or fires as well (traps 5, 7, 10)."""

import pytest

from jobsched.clock import SECOND
from jobsched.events import Event
from jobsched.model import JobState
from jobsched.scheduling.cycle import LONGEST_SLEEP
from jobsched.storage import Store
from jobsched.storage.decisions import LeaseLost
from jobsched.storage.firing import LEASE
from tests.support.firing import NOON, Scheduling


@pytest.mark.parametrize("change", ["pause", "edit", "delete"])
def test_trap_5_a_change_in_mid_cycle_wins(scheduling: Scheduling, change: str) -> None:
    loser, other = scheduling.add(), scheduling.add()
    jobs = scheduling.store.jobs

    def meanwhile() -> None:
        scheduling.cycle.before_commit = lambda: None
        match change:
            case "pause":
                jobs.change(loser.id, None, {"state": JobState.PAUSED, "next_us": None})
            case "edit":
                jobs.change(loser.id, None, {"name": "edited"})
            case "delete":
                jobs.delete(loser.id)

    scheduling.cycle.before_commit = meanwhile
    scheduling.moment.go(10)
    scheduling.firer.fire()

    assert scheduling.runs(loser) == []
    assert scheduling.ledger(loser) == []
    assert len(scheduling.runs(other)) == 1
    if change == "edit":
        scheduling.fire()
        assert scheduling.job(loser).name == "edited"
        assert len(scheduling.runs(loser)) == 1


def test_trap_10_a_deleted_and_revived_job_is_not_hit_by_an_old_fire(
    scheduling: Scheduling,
) -> None:
    job = scheduling.add()

    def meanwhile() -> None:
        scheduling.cycle.before_commit = lambda: None
        scheduling.store.jobs.delete(job.id)
        scheduling.add(id=job.id, next_us=NOON + 10 * SECOND, name="new")

    scheduling.cycle.before_commit = meanwhile
    scheduling.moment.go(10)
    scheduling.firer.fire()

    assert scheduling.runs(job) == []
    assert scheduling.job(job).name == "new"
    assert scheduling.job(job).version > job.version


def test_trap_7_two_schedulers_that_both_believe_they_lead_fire_once(store: Store) -> None:
    one, two = Scheduling(store), Scheduling(store)
    job = one.add()
    for scheduler in (one, two):
        scheduler.moment.go(10)
    lease = one.firer.leader.lease()
    assert lease is not None

    def meanwhile() -> None:
        one.cycle.before_commit = lambda: None
        two.cycle.look(lease)

    one.cycle.before_commit = meanwhile
    one.cycle.look(lease)

    assert len(one.runs(job)) == 1
    assert one.outcomes(job) == [("ran", 1)]
    one.firer.leader.resign()


def test_trap_7_a_leader_that_was_frozen_is_refused_by_the_epoch(store: Store) -> None:
    one, two = Scheduling(store), Scheduling(store)
    job = one.add()
    old = one.firer.leader.lease()
    assert old is not None
    for scheduler in (one, two):
        scheduler.moment.go(11)
    # The lock is still held by the frozen one; the lease has run out.
    store.leases.release(LEASE, old.owner, old.epoch)

    assert two.firer.leader.lease() is not None
    with pytest.raises(LeaseLost):
        one.cycle.look(old)
    assert one.runs(job) == []
    two.fire()
    assert len(two.runs(job)) == 1
    assert one.firer.fire() == 1.0
    two.firer.leader.resign()
    one.firer.leader.resign()


def test_trap_7_a_loop_that_lost_the_lead_waits_and_fires_nothing(
    store: Store, told: list[Event]
) -> None:
    one, two = Scheduling(store), Scheduling(store)
    job = one.add({"interval": {"seconds": 5}})
    old = one.firer.leader.lease()
    assert old is not None
    store.leases.release(LEASE, old.owner, old.epoch)
    assert two.firer.leader.lease() is not None
    for scheduler in (one, two):
        scheduler.moment.go(5)  # within the lease

    waits = [one.firer.fire(), one.firer.fire()]

    assert waits == [LONGEST_SLEEP] * 2
    assert one.runs(job) == []
    assert [event.name for event in told].count("lead lost") == 1
    two.fire()
    assert len(one.runs(job)) == 1
    two.firer.leader.resign()
    one.firer.leader.resign()
