"""What becomes of a run after it was asked for: stopped, tried again, reported about."""

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.errors import (
    RunAlreadyFinished,
    RunNotFinished,
    UnknownRun,
)
from jobsched.model import Counts, EndedBy, Outcome, Policy, RunState
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from tests.support.rows import NOON, add_job, add_run, claim_all, reread, settle


def test_a_queued_run_that_is_stopped_is_done_at_once(store: Store) -> None:
    run = add_run(store)

    stopped = store.runs.request_stop(run.id, EndedBy.STOP, "changed my mind", NOON + SECOND)

    assert (stopped.state, stopped.outcome) == (RunState.DONE, Outcome.STOPPED)
    assert (stopped.reason, stopped.ended_at) == ("changed my mind", from_us(NOON + SECOND))
    assert stopped.started_at is None


def test_a_living_run_is_marked_for_its_machine(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    stopped = store.runs.request_stop(run.id, EndedBy.STOP, "enough", NOON)

    assert (stopped.state, stopped.outcome) == (RunState.STOPPING, None)
    [request] = store.claims.stops("here")
    assert (request.run_id, request.ended_by, request.reason) == (run.id, EndedBy.STOP, "enough")


def test_the_first_who_stops_a_run_is_remembered_but_a_kill_goes_over_it(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    store.runs.request_stop(run.id, EndedBy.STOP, "first", NOON)
    store.runs.request_stop(run.id, EndedBy.STOP, "second", NOON)
    assert store.claims.stops("here")[0].reason == "first"

    store.runs.request_stop(run.id, EndedBy.KILL, "now", NOON)
    store.runs.request_stop(run.id, EndedBy.STOP, "third", NOON)
    [request] = store.claims.stops("here")
    assert (request.ended_by, request.reason) == (EndedBy.KILL, "now")


def test_a_finished_run_cannot_be_stopped(store: Store) -> None:
    run = add_run(store)
    store.runs.request_stop(run.id, EndedBy.STOP, None, NOON)

    with pytest.raises(RunAlreadyFinished):
        store.runs.request_stop(run.id, EndedBy.STOP, None, NOON)


def test_a_run_that_is_not_there_can_be_neither_stopped_nor_retried(store: Store) -> None:
    with pytest.raises(UnknownRun):
        store.runs.request_stop(7, EndedBy.STOP, None, NOON)
    with pytest.raises(UnknownRun):
        store.runs.retry(7)


def test_a_retry_is_the_next_attempt_of_the_same_thing(store: Store) -> None:
    job = add_job(store)
    run = add_run(store, job, params={"a": 1}, policy=Policy(priority=5), due_us=NOON)
    claim_all(store)
    settle(store, run, exit_code=1)

    retry = store.runs.retry(run.id, "ada")

    assert (retry.attempt, retry.retry_of, retry.state) == (2, run.id, RunState.QUEUED)
    assert (retry.params, retry.priority, retry.job_id) == ({"a": 1}, 5, job.id)
    assert (retry.requested_by, retry.due_at) == ("ada", from_us(NOON))
    assert reread(store, run).retried_by == retry.id


def test_a_living_run_cannot_be_retried(store: Store) -> None:
    run = add_run(store)

    with pytest.raises(RunNotFinished):
        store.runs.retry(run.id)


def test_the_same_idempotency_key_makes_one_retry(store: Store) -> None:
    run = add_run(store)
    store.runs.request_stop(run.id, EndedBy.STOP, None, NOON)
    key = IdempotencyKey(scope="retry", key="k", body_digest="a" * 64)

    assert store.runs.retry(run.id, key=key).id == store.runs.retry(run.id, key=key).id


def test_reports_add_up_and_the_last_progress_stands(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    assert store.runs.report(run.id, 1, Counts(success=2, error=1), 0.25, "half of a half")
    assert store.runs.report(run.id, 1, Counts(success=5, error=1, ignore=1))

    found = reread(store, run)
    assert found.counts == Counts(success=5, error=1, ignore=1)
    assert (found.progress, found.progress_text) == (0.25, "half of a half")


def test_a_report_of_an_older_claim_is_not_taken(store: Store) -> None:
    run = add_run(store)
    claim_all(store)

    assert not store.runs.report(run.id, 0, Counts(success=1))
    assert reread(store, run).counts == Counts()
