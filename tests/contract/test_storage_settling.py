"""Ends: each is settled once, with its facts and its output, and may be tried again."""

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
    Policy,
    Retries,
    Run,
    RunState,
)
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from tests.support.rows import NOON, add_job, add_run, claim_all, reread, settle


def test_an_end_is_settled_with_all_its_facts(store: Store) -> None:
    job = add_job(store)
    run = add_run(store, job)
    claim_all(store)
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

    assert settled.run == reread(store, run)
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
    claim_all(store)
    assert len(settle(store, run)) == 1

    assert settle(store, run, exit_code=1) == []

    assert reread(store, run).exit_code == 0


def test_an_end_of_an_older_claim_changes_nothing(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.claims.requeue([(run.id, 1)], "the runner was gone", now_us=NOON)
    claim_all(store)

    assert settle(store, run, claim=1) == []

    assert reread(store, run).state is RunState.STARTING


def test_many_ends_are_settled_together_and_a_double_one_once(store: Store) -> None:
    runs = [add_run(store) for _ in range(3)]
    claim_all(store)
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
    claim_all(store)

    settle(store, run)

    assert store.outputs.get(run.id) is None


def test_outputs_can_be_deleted(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    end = End(run_id=run.id, claim=1, ended_by=EndedBy.EXIT, exit_code=0)
    store.claims.settle([Settlement(end=end, out=b"x", chunks="o1")], NOON)
    assert store.outputs.get(run.id) == (b"x", b"", None)

    store.outputs.delete([run.id])

    assert store.outputs.get(run.id) is None


def test_reported_counts_stand_when_the_end_tells_fewer(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.runs.report(run.id, 1, Counts(success=5))

    settle(store, run, counts=Counts(success=2, error=1))

    assert reread(store, run).counts == Counts(success=5, error=1)


RETRYING = Policy(retries=Retries(max=2, backoff=10, factor=3))


def test_a_failed_run_is_retried_after_its_back_off_until_the_last(store: Store) -> None:
    job = add_job(store, policy=RETRYING)
    run = add_run(store, job, params={"a": 1})
    now_us, delays = NOON, []
    for attempt in (1, 2):
        claim_all(store, now_us=now_us)
        [settled] = settle(store, run, exit_code=1)
        assert settled.retry_run_id is not None
        retry = store.runs.get(settled.retry_run_id)
        assert retry is not None
        assert (retry.retry_of, retry.attempt, retry.params) == (run.id, attempt + 1, {"a": 1})
        assert settled.run.retried_by == retry.id
        assert retry.not_before is not None
        delays.append((retry.not_before - from_us(NOON + SECOND)).total_seconds())
        run, now_us = retry, NOON + 3600 * SECOND
    claim_all(store, now_us=now_us)

    [settled] = settle(store, run, exit_code=1)

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
        claim_all(store)

        [settled] = settle(store, run, **facts)

        assert settled.retry_run_id is None


def test_a_lost_run_is_retried_only_where_its_job_says_so(store: Store) -> None:
    run = add_run(store, policy=Policy(on_lost=OnLost.RETRY))
    claim_all(store)

    [settled] = settle(store, run, ended_by=EndedBy.LOST, exit_code=None)

    assert settled.retry_run_id is not None


def test_nobody_retries_what_was_to_be_stopped_or_whose_job_is_gone(store: Store) -> None:
    job = add_job(store, policy=RETRYING)
    stopped, orphan = add_run(store, policy=RETRYING), add_run(store, job)
    claim_all(store)
    store.runs.request_stop(stopped.id, EndedBy.STOP, None, NOON)
    store.jobs.delete(job.id)

    settled = settle(store, stopped, exit_code=1) + settle(store, orphan, exit_code=1)

    assert [item.retry_run_id for item in settled] == [None, None]


def test_who_asked_for_the_stop_stands_over_a_plain_stopped(store: Store) -> None:
    run = add_run(store)
    claim_all(store)
    store.runs.request_stop(run.id, EndedBy.REPLACED, "a newer run", NOON)

    settle(store, run, ended_by=EndedBy.STOP, exit_code=None, signal=15, reason="stopped")

    found = reread(store, run)
    assert (found.ended_by, found.reason, found.signal) == (EndedBy.REPLACED, "a newer run", 15)


@pytest.mark.parametrize("ended_by", [EndedBy.EXIT, EndedBy.TIMEOUT, EndedBy.LOST])
def test_a_run_that_ended_otherwise_was_not_stopped(store: Store, ended_by: EndedBy) -> None:
    run = add_run(store)
    claim_all(store)
    store.runs.request_stop(run.id, EndedBy.STOP, "enough", NOON)

    settle(store, run, ended_by=ended_by, reason="its own")

    found = reread(store, run)
    assert (found.ended_by, found.reason) == (ended_by, "its own")
