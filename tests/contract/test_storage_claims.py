"""Claims: which runs a machine is given, how they end, what is queued again."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.model import (
    Counts,
    End,
    EndedBy,
    OnLost,
    Outcome,
    Overlap,
    Policy,
    Retries,
    Run,
    RunState,
)
from jobsched.storage import Store
from jobsched.storage.claims import Claim, Settled, Settlement
from tests.support.rows import NOON, add_job, add_run

QUEUE = Policy(overlap=Overlap.QUEUE)


def _claim(store: Store, limit: int = 100, now_us: int = NOON) -> list[Claim]:
    return store.claims.claim("here", "boot", ["r1", "r2"], limit, now_us)


def _settle(store: Store, run: Run, claim: int = 1, **facts: Any) -> list[Settled]:
    values: dict[str, Any] = {"ended_by": EndedBy.EXIT, "exit_code": 0, "ended_us": NOON + SECOND}
    end = End(run_id=run.id, claim=claim, **(values | facts))
    return store.claims.settle([Settlement(end=end)], NOON + SECOND)


def _get(store: Store, run: Run) -> Run:
    found = store.runs.get(run.id)
    assert found is not None
    return found


def test_runs_are_claimed_by_priority_then_age(store: Store) -> None:
    old, young = add_run(store), add_run(store)
    urgent = add_run(store, policy=Policy(priority=5))

    claimed = _claim(store, limit=2)

    assert [claim.run.id for claim in claimed] == [urgent.id, old.id]
    assert [claim.run.id for claim in _claim(store)] == [young.id]
    assert _claim(store) == []


def test_a_claim_carries_the_run_as_it_is_now_and_its_job(store: Store) -> None:
    job = add_job(store)
    run = add_run(store, job)

    [claim] = _claim(store)

    assert claim.run == _get(store, run)
    assert (claim.run.state, claim.run.claim, claim.run.node) == (RunState.STARTING, 1, "here")
    assert (claim.job, claim.runner) == (job, "r1")


def test_runs_are_spread_over_the_runners(store: Store) -> None:
    for _ in range(4):
        add_run(store)

    assert [claim.runner for claim in _claim(store)] == ["r1", "r2", "r1", "r2"]


@pytest.mark.parametrize(("runners", "limit"), [([], 5), (["r1"], 0), (["r1"], -1)])
def test_without_room_nothing_is_claimed(store: Store, runners: list[str], limit: int) -> None:
    add_run(store)

    assert store.claims.claim("here", "boot", runners, limit, NOON) == []


def test_a_run_waits_for_its_time(store: Store) -> None:
    run = add_run(store, not_before_us=NOON + 10)

    assert _claim(store, now_us=NOON + 9) == []
    assert store.claims.next_due(NOON) == NOON + 10
    assert [claim.run.id for claim in _claim(store, now_us=NOON + 10)] == [run.id]
    assert store.claims.next_due(NOON) is None


def test_no_more_runs_of_a_job_than_it_allows_are_claimed(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=2, overlap=Overlap.QUEUE))
    first, *_ = [add_run(store, job) for _ in range(3)]

    assert len(_claim(store)) == 2
    assert _claim(store) == []

    _settle(store, first)
    assert len(_claim(store)) == 1


def test_the_runs_of_a_full_job_do_not_hold_up_the_others(store: Store) -> None:
    job, other = add_job(store, policy=QUEUE), add_job(store)
    waiting = [add_run(store, job).id for _ in range(10)]
    behind, alone = add_run(store, other), add_run(store)

    claimed = [claim.run.id for claim in _claim(store, limit=3)]

    assert claimed == [waiting[0], behind.id, alone.id]


def test_a_start_is_noted_once_for_its_claim(store: Store) -> None:
    run = add_run(store)
    _claim(store)

    store.claims.started([(run.id, 2, NOON + 7)])
    assert _get(store, run).state is RunState.STARTING

    store.claims.started([(run.id, 1, NOON + 5)])
    found = _get(store, run)
    assert (found.state, found.started_at) == (RunState.RUNNING, from_us(NOON + 5))


def test_a_start_does_not_undo_a_stop(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.runs.request_stop(run.id, EndedBy.STOP, None, NOON)

    store.claims.started([(run.id, 1, NOON + 5)])

    found = _get(store, run)
    assert (found.state, found.started_at) == (RunState.STOPPING, from_us(NOON + 5))


def test_an_end_is_settled_with_all_its_facts(store: Store) -> None:
    job = add_job(store)
    run = add_run(store, job)
    _claim(store)
    end = End(
        run_id=run.id,
        claim=1,
        ended_by=EndedBy.EXIT,
        reason="it said so",
        exit_code=3,
        started_us=NOON + 1,
        ended_us=NOON + 2,
        cpu_us=1500,
        peak_bytes=4096,
        out_bytes=5,
        err_bytes=3,
        counts=Counts(success=4, error=1),
    )

    [settled] = store.claims.settle(
        [Settlement(end=end, out=b"a\x00\xffbc", err=b"xyz", chunks="o5e3")], NOON + 9
    )

    assert settled.run == _get(store, run)
    assert settled.retry_run_id is None
    found = settled.run
    assert (found.state, found.outcome, found.reason) == (
        RunState.DONE,
        Outcome.FAILED,
        "it said so",
    )
    assert (found.started_at, found.ended_at) == (from_us(NOON + 1), from_us(NOON + 2))
    assert (found.cpu_seconds, found.peak_memory, found.job_id) == (0.0015, 4096, job.id)
    assert (found.out_bytes, found.err_bytes, found.counts) == (5, 3, end.counts)
    assert store.outputs.get(run.id) == (b"a\x00\xffbc", b"xyz", "o5e3")


def test_nothing_to_tell_is_nothing_to_do(store: Store) -> None:
    store.claims.started([])

    assert store.claims.settle([], NOON) == []
    assert store.claims.requeue([], "no", now_us=NOON) == []


def test_an_end_is_settled_once(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    assert len(_settle(store, run)) == 1

    assert _settle(store, run, exit_code=1) == []

    assert _get(store, run).exit_code == 0


def test_an_end_of_an_older_claim_changes_nothing(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.claims.requeue([(run.id, 1)], "the runner was gone", now_us=NOON)
    _claim(store)

    assert _settle(store, run, claim=1) == []

    assert _get(store, run).state is RunState.STARTING


def test_many_ends_are_settled_together_and_a_double_one_once(store: Store) -> None:
    runs = [add_run(store) for _ in range(3)]
    _claim(store)
    ends = [
        Settlement(
            end=End(run_id=run.id, claim=1, ended_by=EndedBy.EXIT, exit_code=0, ended_us=NOON)
        )
        for run in [*runs, runs[0]]
    ]

    settled = store.claims.settle(ends, NOON)

    assert [item.run.id for item in settled] == [run.id for run in runs]


def test_a_silent_run_has_no_output_row(store: Store) -> None:
    run = add_run(store)
    _claim(store)

    _settle(store, run)

    assert store.outputs.get(run.id) is None


def test_outputs_can_be_deleted(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    end = End(run_id=run.id, claim=1, ended_by=EndedBy.EXIT, exit_code=0)
    store.claims.settle([Settlement(end=end, out=b"x", chunks="o1")], NOON)
    assert store.outputs.get(run.id) == (b"x", b"", None)

    store.outputs.delete([run.id])

    assert store.outputs.get(run.id) is None


def test_reported_counts_stand_when_the_end_tells_fewer(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.runs.report(run.id, 1, Counts(success=5))

    _settle(store, run, counts=Counts(success=2, error=1))

    assert _get(store, run).counts == Counts(success=5, error=1)


RETRYING = Policy(retries=Retries(max=2, backoff=10, factor=3))


def test_a_failed_run_is_retried_after_its_back_off_until_the_last(store: Store) -> None:
    job = add_job(store, policy=RETRYING)
    run = add_run(store, job, params={"a": 1})
    now_us, delays = NOON, []
    for attempt in (1, 2):
        _claim(store, now_us=now_us)
        [settled] = _settle(store, run, exit_code=1)
        assert settled.retry_run_id is not None
        retry = store.runs.get(settled.retry_run_id)
        assert retry is not None
        assert (retry.retry_of, retry.attempt, retry.params) == (run.id, attempt + 1, {"a": 1})
        assert settled.run.retried_by == retry.id
        assert retry.not_before is not None
        delays.append((retry.not_before - from_us(NOON + SECOND)).total_seconds())
        run, now_us = retry, NOON + 3600 * SECOND
    _claim(store, now_us=now_us)

    [settled] = _settle(store, run, exit_code=1)

    assert settled.retry_run_id is None
    assert delays == [10.0, 30.0]


def _unretried(store: Store) -> Iterator[tuple[Run, dict[str, Any]]]:
    codes = Policy(retries=Retries(max=1, exit_codes=(75,)))
    yield add_run(store, policy=RETRYING), {"exit_code": 0}
    yield add_run(store, policy=codes), {"exit_code": 1}
    yield add_run(store, policy=RETRYING), {"ended_by": EndedBy.STOP, "exit_code": None}
    yield add_run(store, policy=RETRYING), {"ended_by": EndedBy.LOST, "exit_code": None}
    yield add_run(store), {"exit_code": 1}


def test_what_is_not_to_be_retried_is_not(store: Store) -> None:
    for run, facts in _unretried(store):
        _claim(store)

        [settled] = _settle(store, run, **facts)

        assert settled.retry_run_id is None


def test_a_lost_run_is_retried_only_where_its_job_says_so(store: Store) -> None:
    run = add_run(store, policy=Policy(on_lost=OnLost.RETRY))
    _claim(store)

    [settled] = _settle(store, run, ended_by=EndedBy.LOST, exit_code=None)

    assert settled.retry_run_id is not None


def test_nobody_retries_what_was_to_be_stopped_or_whose_job_is_gone(store: Store) -> None:
    job = add_job(store, policy=RETRYING)
    stopped, orphan = add_run(store, policy=RETRYING), add_run(store, job)
    _claim(store)
    store.runs.request_stop(stopped.id, EndedBy.STOP, None, NOON)
    store.jobs.delete(job.id)

    settled = _settle(store, stopped, exit_code=1) + _settle(store, orphan, exit_code=1)

    assert [item.retry_run_id for item in settled] == [None, None]


def test_who_asked_for_the_stop_stands_over_a_plain_stopped(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.runs.request_stop(run.id, EndedBy.REPLACED, "a newer run", NOON)

    _settle(store, run, ended_by=EndedBy.STOP, exit_code=None, signal=15, reason="stopped")

    found = _get(store, run)
    assert (found.ended_by, found.reason, found.signal) == (EndedBy.REPLACED, "a newer run", 15)


@pytest.mark.parametrize("ended_by", [EndedBy.EXIT, EndedBy.TIMEOUT, EndedBy.LOST])
def test_a_run_that_ended_otherwise_was_not_stopped(store: Store, ended_by: EndedBy) -> None:
    run = add_run(store)
    _claim(store)
    store.runs.request_stop(run.id, EndedBy.STOP, "enough", NOON)

    _settle(store, run, ended_by=ended_by, reason="its own")

    found = _get(store, run)
    assert (found.ended_by, found.reason) == (ended_by, "its own")


def test_a_run_that_never_began_goes_back_to_the_queue(store: Store) -> None:
    run = add_run(store)
    _claim(store)

    assert store.claims.requeue([(run.id, 1)], "no process to be had", 2.0, NOON) == []

    found = _get(store, run)
    assert (found.state, found.claim, found.node) == (RunState.QUEUED, 1, None)
    assert (found.reason, found.not_before) == ("no process to be had", from_us(NOON + 2 * SECOND))
    [again] = _claim(store, now_us=NOON + 2 * SECOND)
    assert (again.run.claim, again.run.reason) == (2, None)


def test_a_run_that_has_begun_does_not_go_back(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.claims.started([(run.id, 1, NOON)])

    store.claims.requeue([(run.id, 1)], "no", now_us=NOON)

    assert _get(store, run).state is RunState.RUNNING


def test_a_run_that_goes_back_but_was_to_be_stopped_is_done(store: Store) -> None:
    run = add_run(store)
    _claim(store)
    store.runs.request_stop(run.id, EndedBy.STOP, "enough", NOON)

    assert store.claims.requeue([(run.id, 1)], "no", now_us=NOON + 5) == [run.id]

    found = _get(store, run)
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
    _claim(store)
    waiting = add_run(store)

    assert store.claims.cancel_queued(EndedBy.SHUTDOWN, "the server was stopped", NOON) == 1

    assert _get(store, living).state is RunState.STARTING
    assert _get(store, waiting).ended_by is EndedBy.SHUTDOWN
