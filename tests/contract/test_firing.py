"""Firing on each database: exactly once, whatever happens meanwhile (traps 2, 3, 5, 7, 10)."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobsched import events
from jobsched.clock import SECOND, from_us
from jobsched.events import Event
from jobsched.model import CatchUp, JobState, Misfire, OccurrenceOutcome, Overlap, Policy
from jobsched.scheduling.pausing import SWITCH
from jobsched.storage import Store
from jobsched.storage.decisions import LeaseLost
from jobsched.storage.firing import LEASE
from tests.support.firing import NOON, Scheduling

MONTH = 30 * 86_400
NO_GRACE = Misfire(grace=None)


@pytest.fixture
def scheduling(store: Store) -> Iterator[Scheduling]:
    scheduling = Scheduling(store)
    yield scheduling
    scheduling.firer.leader.resign()


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()


def test_a_due_job_gets_a_run_an_entry_and_its_next_moment(scheduling: Scheduling) -> None:
    job = scheduling.add(params={"x": 1}, policy=Policy(queue="night", priority=7))

    wait = scheduling.fire(10)

    [entry] = scheduling.ledger(job)
    run = scheduling.store.runs.get(entry.run_id or 0)
    assert run is not None
    assert (run.due_at, run.params, run.queue, run.priority) == (
        from_us(NOON + 10 * SECOND), {"x": 1}, "night", 7,
    )  # fmt: skip
    assert (run.name, run.task, run.state.value, run.attempt) == ("backup", "example", "queued", 1)
    assert entry.outcome is OccurrenceOutcome.RAN
    assert scheduling.job(job).next_run == from_us(NOON + 20 * SECOND)
    assert scheduling.job(job).version == job.version
    assert wait == 1.0
    assert scheduling.told == ["supervisor"]


def test_nothing_fires_before_its_time(scheduling: Scheduling) -> None:
    job = scheduling.add()

    wait = scheduling.fire(9.75)

    assert scheduling.runs(job) == []
    assert wait == 0.25


def test_many_due_at_once_fire_in_batches(store: Store) -> None:
    scheduling = Scheduling(store, batch=7)
    jobs = [scheduling.add() for _ in range(20)]
    scheduling.moment.go(10)

    waits = [scheduling.firer.fire() for _ in range(3)]

    assert waits == [0.005, 0.005, 1.0]
    assert [len(scheduling.runs(job)) for job in jobs] == [1] * 20
    scheduling.firer.leader.resign()


def test_an_overlap_is_skipped_written_down_and_told(
    scheduling: Scheduling, told: list[Event]
) -> None:
    job = scheduling.add()
    scheduling.fire(10)

    scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("skipped", 1)]
    assert scheduling.ledger(job)[1].reason == "overlap: 1 of its runs is still alive"
    [skip] = [event for event in told if event.name == "run skipped"]
    assert skip.fields["job"] == job.id
    scheduling.finish_runs(job)
    scheduling.fire(10)
    assert scheduling.outcomes(job)[-1] == ("ran", 1)


def test_queue_lets_one_run_wait(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(overlap=Overlap.QUEUE))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("ran", 1), ("skipped", 1)]
    assert scheduling.ledger(job)[2].reason == "overlap: another run waits already"


def test_replace_stops_the_oldest(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(overlap=Overlap.REPLACE))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1)] * 3
    assert [state for _, _, state in scheduling.runs(job)] == ["done", "done", "queued"]


def test_so_many_instances_may_live_at_once(scheduling: Scheduling) -> None:
    job = scheduling.add(policy=Policy(max_instances=2))

    for _ in range(3):
        scheduling.fire(10)

    assert scheduling.outcomes(job) == [("ran", 1), ("ran", 1), ("skipped", 1)]


def test_trap_3_a_month_of_downtime_is_one_entry_and_one_run(scheduling: Scheduling) -> None:
    policy = Policy(misfire=Misfire(grace=1.0))
    job = scheduling.add({"interval": {"seconds": 1}}, policy=policy)

    scheduling.fire(MONTH + 0.5)

    missed, ran = scheduling.ledger(job)
    assert (missed.outcome.value, missed.count) == ("missed", MONTH - 1)
    assert missed.last_due_at == from_us(NOON + (MONTH - 1) * SECOND)
    assert ran.outcome is OccurrenceOutcome.RAN
    assert len(scheduling.runs(job)) == 1
    assert scheduling.job(job).next_run == from_us(NOON + (MONTH + 1) * SECOND)


@pytest.mark.parametrize(
    ("catch_up", "outcomes", "runs"),
    [
        (CatchUp.LAST, [("coalesced", 5), ("late", 1)], 1),
        (CatchUp.NONE, [("missed", 6)], 0),
        (CatchUp.ALL, [("late", 1)] * 6, 6),
    ],
)
def test_catch_up_chooses_among_the_overdue(
    scheduling: Scheduling, catch_up: CatchUp, outcomes: list[Any], runs: int
) -> None:
    policy = Policy(misfire=Misfire(grace=None, catch_up=catch_up))
    job = scheduling.add(policy=policy)

    scheduling.fire(65)

    assert scheduling.outcomes(job) == outcomes
    assert len(scheduling.runs(job)) == runs


def test_catching_up_all_is_capped_at_the_newest_hundred(scheduling: Scheduling) -> None:
    policy = Policy(misfire=Misfire(grace=None, catch_up=CatchUp.ALL))
    job = scheduling.add({"interval": {"seconds": 1}}, policy=policy)

    scheduling.fire(1000.5)

    assert scheduling.outcomes(job) == [("missed", 900), *[("late", 1)] * 99, ("ran", 1)]
    assert scheduling.runs(job)[0][1] == NOON + 901 * SECOND


def test_a_moment_within_its_grace_runs_late(scheduling: Scheduling) -> None:
    job = scheduling.add({"at": "2023-11-14T22:13:30Z"}, policy=Policy(misfire=Misfire(grace=300)))

    scheduling.fire(10 + 299)

    [entry] = scheduling.ledger(job)
    assert (entry.outcome.value, entry.late_by) == ("late", 299.0)


def test_a_finished_job_stays_in_the_list(scheduling: Scheduling, told: list[Event]) -> None:
    job = scheduling.add({"interval": {"seconds": 10}, "count": 2})
    scheduling.fire(10)
    scheduling.finish_runs(job)

    scheduling.fire(10)

    done = scheduling.job(job)
    assert (done.state, done.next_run) == (JobState.FINISHED, None)
    assert len(scheduling.runs(job)) == 2
    assert "job finished" in [event.name for event in told]


def test_a_trigger_that_cannot_be_read_blocks_its_job_alone(
    scheduling: Scheduling, told: list[Event]
) -> None:
    broken, sound = scheduling.add(), scheduling.add()
    scheduling.store.jobs.change(broken.id, None, {"trigger": {"moon": "full"}})

    scheduling.fire(10)

    job = scheduling.job(broken)
    assert (job.state, job.next_run) == (JobState.BLOCKED, None)
    assert "moon" in str(job.state_reason)
    assert "job blocked" in [event.name for event in told]
    assert len(scheduling.runs(sound)) == 1


def test_text_that_is_no_json_blocks_its_job_alone(scheduling: Scheduling) -> None:
    broken, sound = scheduling.add(), scheduling.add()
    with scheduling.store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET trigger = '[' WHERE key = {broken.key}")

    scheduling.fire(10)

    assert scheduling.job_state(broken) == "blocked"
    assert len(scheduling.runs(sound)) == 1


def test_jitter_delays_the_start_and_never_the_grid(scheduling: Scheduling) -> None:
    job = scheduling.add({"interval": {"seconds": 10}, "jitter": 5})

    for _ in range(3):
        scheduling.fire(10)
        scheduling.finish_runs(job)

    assert [due - NOON for _, due, _ in scheduling.runs(job)] == [
        10 * SECOND, 20 * SECOND, 30 * SECOND,
    ]  # fmt: skip
    run = scheduling.store.runs.get(scheduling.runs(job)[0][0])
    assert run is not None
    assert run.not_before is not None
    assert run.due_at is not None
    assert 0 <= (run.not_before - run.due_at).total_seconds() <= 5


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


def test_trap_2_a_forward_jump_catches_up_once(scheduling: Scheduling) -> None:
    job = scheduling.add()
    scheduling.fire(10)
    scheduling.finish_runs(job)

    scheduling.fire(3600)

    assert len(scheduling.runs(job)) == 2


@pytest.mark.parametrize("jump", [-15, -30, -3600, -86_400])
def test_trap_2_after_a_backward_jump_nothing_repeats_and_nothing_stalls(
    scheduling: Scheduling, jump: float, told: list[Event]
) -> None:
    job = scheduling.add()
    for _ in range(5):
        scheduling.fire(10)
        scheduling.finish_runs(job)

    scheduling.fire(jump)
    for _ in range(12):
        scheduling.fire(10)
        scheduling.finish_runs(job)

    dues = [due for _, due, _ in scheduling.runs(job)]
    assert len(dues) == len(set(dues))
    assert len(dues) >= 5 + 11
    assert {*scheduling.outcomes(job)} <= {("ran", 1), ("late", 1)}
    assert "clock went back" in [event.name for event in told]


def test_trap_2_a_time_of_day_is_not_fired_again_after_a_backward_jump(
    scheduling: Scheduling,
) -> None:
    once = scheduling.add({"at": "2023-11-14T22:13:30Z"})
    later = scheduling.add({"interval": {"seconds": 10}, "start": "2023-11-15T00:00:00Z"})
    scheduling.fire(10)

    scheduling.fire(-3600)
    scheduling.fire(3600)

    assert len(scheduling.runs(once)) == 1
    assert scheduling.job(later).next_run == later.next_run


def test_a_moment_that_is_in_the_ledger_is_not_fired_again(scheduling: Scheduling) -> None:
    job, other = scheduling.add(), scheduling.add()
    scheduling.fire(10)
    scheduling.finish_runs(job)
    scheduling.store.jobs.change(job.id, None, {"next_us": NOON + 10 * SECOND})

    scheduling.fire()

    assert len(scheduling.runs(job)) == 1
    assert len(scheduling.runs(other)) == 1
    assert scheduling.job(job).next_run == from_us(NOON + 20 * SECOND)


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
    switches.put(SWITCH, pause)

    scheduling.fire(45)
    assert scheduling.ledger(job) == []
    switches.put(SWITCH, pause | {"paused": False, "resumed_us": scheduling.moment.us})
    scheduling.fire()

    [skipped] = scheduling.ledger(job)
    assert (skipped.outcome.value, skipped.count) == ("skipped", 4)
    assert skipped.reason == "all scheduling was paused by ada: move"
    assert scheduling.job(job).next_run == from_us(NOON + 50 * SECOND)


def test_a_pause_of_all_ends_at_its_time(scheduling: Scheduling) -> None:
    job = scheduling.add()
    pause = {"paused": True, "since_us": NOON, "until_us": NOON + 15 * SECOND}
    scheduling.store.switches.put(SWITCH, pause)

    scheduling.fire(10)
    scheduling.fire(10)

    assert scheduling.outcomes(job) == [("skipped", 1), ("ran", 1)]
