"""Claims: which runs a machine is given, what it is told about them, what goes back."""

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.model import (
    EndedBy,
    Overlap,
    Policy,
    RunState,
)
from jobsched.storage import Store
from tests.support.rows import NOON, add_job, add_run, claim_all, reread, settle

QUEUE = Policy(overlap=Overlap.QUEUE)


def test_runs_are_claimed_by_priority_then_age(store: Store) -> None:
    old, young = add_run(store), add_run(store)
    urgent = add_run(store, policy=Policy(priority=5))

    claimed = claim_all(store, limit=2)

    assert [claim.run.id for claim in claimed] == [urgent.id, old.id]
    assert [claim.run.id for claim in claim_all(store)] == [young.id]
    assert claim_all(store) == []


def test_a_claim_carries_the_run_as_it_is_now_and_its_runner(store: Store) -> None:
    run = add_run(store, add_job(store))

    [claim] = claim_all(store)

    assert claim.run == reread(store, run)
    assert (claim.run.state, claim.run.claim, claim.run.node) == (RunState.STARTING, 1, "here")
    assert claim.runner == "r1"


def test_runs_are_spread_over_the_runners(store: Store) -> None:
    for _ in range(4):
        add_run(store)

    assert [claim.runner for claim in claim_all(store)] == ["r1", "r2", "r1", "r2"]


@pytest.mark.parametrize(("runners", "limit"), [([], 5), (["r1"], 0), (["r1"], -1)])
def test_without_room_nothing_is_claimed(store: Store, runners: list[str], limit: int) -> None:
    add_run(store)

    assert store.claims.claim("here", "boot", runners, limit, NOON) == []


def test_a_run_waits_for_its_time(store: Store) -> None:
    run = add_run(store, not_before_us=NOON + 10)

    assert claim_all(store, now_us=NOON + 9) == []
    assert store.claims.next_due(NOON) == NOON + 10
    assert [claim.run.id for claim in claim_all(store, now_us=NOON + 10)] == [run.id]
    assert store.claims.next_due(NOON) is None


def test_no_more_runs_of_a_job_than_it_allows_are_claimed(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=2, overlap=Overlap.QUEUE))
    first, *_ = [add_run(store, job) for _ in range(3)]

    assert len(claim_all(store)) == 2
    assert claim_all(store) == []

    settle(store, first)
    assert len(claim_all(store)) == 1


def test_the_runs_of_a_full_job_do_not_hold_up_the_others(store: Store) -> None:
    job, other = add_job(store, policy=QUEUE), add_job(store)
    waiting = [add_run(store, job).id for _ in range(10)]
    behind, alone = add_run(store, other), add_run(store)

    claimed = [claim.run.id for claim in claim_all(store, limit=3)]

    assert claimed == [waiting[0], behind.id, alone.id]


def test_who_finds_nothing_to_claim_keeps_no_writer_waiting(store: Store) -> None:
    add_run(store, add_job(store), not_before_us=NOON + 10)

    with store.database.write():  # asked for a second time here, the turn would never come
        assert store.claims.claim("here", "boot", ["r1"], 4, NOON) == []

    assert len(store.claims.claim("here", "boot", ["r1"], 4, NOON + 10)) == 1


def test_a_start_is_noted_once_for_itsclaim(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    store.claims.started([(run.id, 2, NOON + 7)])
    assert reread(store, run).state is RunState.STARTING

    store.claims.started([(run.id, 1, NOON + 5)])
    found = reread(store, run)
    assert (found.state, found.started_at) == (RunState.RUNNING, from_us(NOON + 5))


def test_a_start_does_not_undo_a_stop(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.runs.request_stop(run.id, EndedBy.STOP, None, NOON)

    store.claims.started([(run.id, 1, NOON + 5)])

    found = reread(store, run)
    assert (found.state, found.started_at) == (RunState.STOPPING, from_us(NOON + 5))


def test_a_run_that_never_began_goes_back_to_the_queue(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    assert store.claims.requeue([(run.id, 1)], "no process to be had", 2.0, NOON) == []

    found = reread(store, run)
    assert (found.state, found.claim, found.node) == (RunState.QUEUED, 1, None)
    assert (found.reason, found.not_before) == ("no process to be had", from_us(NOON + 2 * SECOND))
    [again] = claim_all(store, now_us=NOON + 2 * SECOND)
    assert (again.run.claim, again.run.reason) == (2, None)


def test_a_run_that_has_begun_does_not_go_back(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.claims.started([(run.id, 1, NOON)])

    store.claims.requeue([(run.id, 1)], "no", now_us=NOON)

    assert reread(store, run).state is RunState.RUNNING


def test_a_run_that_goes_back_but_was_to_be_stopped_is_done(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.runs.request_stop(run.id, EndedBy.STOP, "enough", NOON)

    assert store.claims.requeue([(run.id, 1)], "no", now_us=NOON + 5) == [run.id]

    found = reread(store, run)
    assert (found.ended_by, found.reason, found.ended_at) == (
        EndedBy.STOP,
        "enough",
        from_us(NOON + 5),
    )


def test_a_machine_is_told_what_the_rows_say_it_has(store: Store) -> None:
    first, second = add_run(store), add_run(store)
    store.claims.claim("here", "boot", ["r1"], 1, NOON)
    store.claims.claim("there", "boot", ["r9"], 1, NOON)
    store.claims.started([(first.id, 1, NOON)])
    store.runs.request_stop(first.id, EndedBy.STOP, "enough", NOON + 3)

    [mine] = store.claims.mine("here")
    [other] = store.claims.mine("there")

    assert (mine.run_id, mine.claim, mine.state) == (first.id, 1, RunState.STOPPING)
    assert (mine.runner, mine.boot_id) == ("r1", "boot")
    assert (mine.stop_by, mine.stop_reason) == (EndedBy.STOP, "enough")
    assert (other.run_id, other.stop_by) == (second.id, None)
    [stop] = store.claims.stops("here")
    assert (stop.run_id, stop.claim, stop.runner, stop.stop_us) == (first.id, 1, "r1", NOON + 3)
    assert store.claims.stops("there") == []


def test_an_ordered_stop_cancels_what_waits(store: Store) -> None:
    living = add_run(store)
    claim_all(store)
    waiting = add_run(store)

    assert store.claims.cancel_queued(EndedBy.SHUTDOWN, "the server was stopped", NOON) == 1

    assert reread(store, living).state is RunState.STARTING
    assert reread(store, waiting).ended_by is EndedBy.SHUTDOWN
