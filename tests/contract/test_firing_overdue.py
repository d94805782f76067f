"""Firing what is overdue: after a downtime, after a jump of the clock (traps 2, 3)."""

from typing import Any

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.events import Event
from jobsched.model import CatchUp, Misfire, OccurrenceOutcome, Policy
from tests.support.firing import NOON, Scheduling

MONTH = 30 * 86_400


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
    assert all(entry.reason for entry in scheduling.ledger(job))


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
