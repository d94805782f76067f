"""Firing around pauses: of one job, and of all."""

from jobsched.clock import SECOND, from_us
from jobsched.model import JobState, Misfire, Policy
from jobsched.storage.switches import PAUSE_ALL
from tests.support.firing import NOON, Scheduling

NO_GRACE = Misfire(grace=None)


def test_a_pause_with_an_end_is_one_entry_and_then_over(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(misfire=NO_GRACE))
    end = NOON + 100 * SECOND
    pause = {
        "state": JobState.PAUSED,
        "state_reason": "paused by ada: repairs",
        "paused_us": NOON + 10 * SECOND,
        "paused_until_us": end,
        "next_us": end,
    }
    scheduling.store.jobs.change(job.id, None, pause)

    scheduling.fire(99)
    assert scheduling.ledger(job) == []
    scheduling.fire(1)

    [skipped, ran] = scheduling.ledger(job)
    assert (skipped.outcome.value, skipped.count) == ("skipped", 9)
    assert skipped.reason == "paused by ada: repairs"
    assert ran.due_at == from_us(end)
    after = scheduling.job(job)
    assert (after.state, after.paused_until, after.state_reason) == (JobState.ACTIVE, None, None)


def test_while_all_is_paused_nothing_fires_and_then_it_is_told_why(
    scheduling: Scheduling,
) -> None:
    job = scheduling.add()
    switches = scheduling.store.switches
    pause = {"paused": True, "since_us": NOON, "until_us": None, "by": "ada", "why": "move"}
    switches.put(PAUSE_ALL, pause)

    scheduling.fire(45)
    assert scheduling.ledger(job) == []
    switches.put(PAUSE_ALL, pause | {"paused": False, "resumed_us": scheduling.moment.us})
    scheduling.fire()

    [skipped] = scheduling.ledger(job)
    assert (skipped.outcome.value, skipped.count) == ("skipped", 4)
    assert skipped.reason == "all scheduling was paused by ada: move"
    assert scheduling.job(job).next_run == from_us(NOON + 50 * SECOND)


def test_a_pause_of_all_ends_at_its_time(scheduling: Scheduling) -> None:
    job = scheduling.add()
    pause = {"paused": True, "since_us": NOON, "until_us": NOON + 15 * SECOND}
    scheduling.store.switches.put(PAUSE_ALL, pause)

    scheduling.fire(10)
    scheduling.fire(10)

    assert scheduling.outcomes(job) == [("skipped", 1), ("ran", 1)]
