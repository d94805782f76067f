"""Which moments run, and what the ledger says of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.clock import SECOND
from jobsched.model import CatchUp, Misfire
from jobsched.scheduling.planning import (
    Pause,
    Plan,
    default_grace,
    plan,
    resume,
)
from jobsched.triggers import IntervalTrigger, parse

NOON = 1_700_000_000 * SECOND
STEP = 10 * SECOND
TRIGGER = IntervalTrigger(start_us=NOON, step_us=STEP)


def counts(plan: Plan) -> list[tuple[str, int]]:
    return [(entry.outcome.value, entry.count) for entry in plan.entries]


def test_the_usual_grace_is_one_interval_else_five_minutes() -> None:
    assert default_grace(TRIGGER) == 10.0
    assert default_grace(parse({"at": "2033-01-01"}, created_us=NOON)) == 300.0


def test_without_a_limit_of_grace_the_newest_runs_however_late() -> None:
    done = plan(TRIGGER, Misfire(grace=None), NOON, NOON + 1000 * STEP - 1)

    assert done.due == (NOON + 999 * STEP,)
    assert counts(done) == [("coalesced", 999)]
    assert done.next_us == NOON + 1000 * STEP


def test_older_than_the_grace_is_missed_and_the_rest_is_caught_up() -> None:
    done = plan(TRIGGER, Misfire(grace=25), NOON, NOON + 100 * STEP)

    assert counts(done) == [("missed", 98), ("coalesced", 2)]
    assert done.due == (NOON + 100 * STEP,)


def test_nothing_inside_the_grace_runs_nothing() -> None:
    trigger = parse({"at": "2033-01-01T00:00:00Z"}, created_us=NOON)
    at_us = trigger.first(NOON) or 0

    done = plan(trigger, Misfire(grace=300), at_us, at_us + 301 * SECOND)

    assert (done.next_us, done.due, counts(done)) == (None, (), [("missed", 1)])


def test_a_pause_that_is_over_is_one_entry() -> None:
    pause = Pause(since_us=NOON + STEP, end_us=NOON + 5 * STEP, reason="paused: repairs")

    done = plan(TRIGGER, Misfire(grace=None), NOON, NOON + 6 * STEP, pause)

    assert counts(done) == [("missed", 1), ("skipped", 4), ("coalesced", 1)]
    assert done.due == (NOON + 6 * STEP,)


def test_resuming_tells_what_was_skipped_and_what_comes() -> None:
    pause = Pause(since_us=NOON, end_us=NOON + 5 * STEP + 1, reason="paused")

    resumed = resume(TRIGGER, pause)

    assert counts(resumed) == [("skipped", 6)]
    assert resumed.next_us == NOON + 6 * STEP


def test_a_pause_longer_than_the_trigger_ends_the_job() -> None:
    trigger = IntervalTrigger(start_us=NOON, step_us=STEP, count=3)
    pause = Pause(since_us=NOON, end_us=NOON + 5 * STEP, reason="paused")

    done = plan(trigger, Misfire(), NOON, NOON + 6 * STEP, pause)

    assert (done.next_us, done.due, counts(done)) == (None, (), [("skipped", 3)])


@given(
    late=st.integers(0, 300 * STEP),
    grace=st.none() | st.floats(0, 4000),
    catch_up=st.sampled_from(CatchUp),
    count=st.none() | st.integers(1, 200),
)
def test_every_moment_is_told_of_exactly_once(
    late: int, grace: float | None, catch_up: CatchUp, count: int | None
) -> None:
    trigger = IntervalTrigger(start_us=NOON, step_us=STEP, count=count)
    now_us = NOON + late

    done = plan(trigger, Misfire(grace=grace, catch_up=catch_up), NOON, now_us)

    moments = trigger.count_between(NOON, now_us + 1).total
    assert len(done.due) + sum(entry.count for entry in done.entries) == moments
    assert len({entry.due_us for entry in done.entries} | {*done.due}) == (
        len(done.entries) + len(done.due)
    )
    assert done.next_us == trigger.next_after(now_us)


@pytest.mark.parametrize("now_us", [NOON, NOON + STEP - 1])
def test_one_moment_in_time_simply_runs(now_us: int) -> None:
    assert plan(TRIGGER, Misfire(grace=10), NOON, now_us) == Plan(next_us=NOON + STEP, due=(NOON,))
