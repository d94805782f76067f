"""Runs as users see them: asked for, listed, counted, deleted."""

import pytest

from jobsched.clock import SECOND, from_us
from jobsched.errors import (
    JobBusy,
    KeyReused,
    UnknownJob,
)
from jobsched.model import End, EndedBy, Outcome, Overlap, Policy, RunState
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.searching import RunFilter
from tests.support.rows import NOON, add_job, add_run, claim_all, new_run, reread, settle

EVERYTHING = RunFilter()


def test_a_run_is_read_as_it_was_added(store: Store) -> None:
    job = add_job(store)
    run = add_run(
        store,
        job,
        params={"a": 1},
        policy=Policy(queue="slow", priority=7),
        requested_by="ada",
        due_us=NOON,
        not_before_us=NOON + SECOND,
    )

    assert reread(store, run) == run
    assert (run.queue, run.priority, run.job_id) == ("slow", 7, job.id)
    assert (run.state, run.attempt, run.outcome) == (RunState.QUEUED, 1, None)
    assert run.not_before == from_us(NOON + SECOND)


def test_a_run_needs_no_job(store: Store) -> None:
    run = add_run(store)

    assert (run.job_key, run.job_id) == (None, None)
    assert reread(store, run) == run


def test_a_run_that_is_not_there_is_none(store: Store) -> None:
    assert store.runs.get(1) is None


def test_open_runs_failed_and_are_not_retried_yet(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=10))
    good, bad, signalled, retried, alive = (add_run(store, job) for _ in range(5))
    claim_all(store)
    settle(store, good, exit_code=0)
    settle(store, bad, exit_code=1)
    settle(store, signalled, exit_code=None, signal=9)
    settle(store, retried, ended_by=EndedBy.TIMEOUT)
    store.runs.retry(retried.id, "ada")

    found = store.runs.list(RunFilter(open=True), 10).values

    assert [run.id for run in found] == [signalled.id, bad.id]
    assert store.runs.count(RunFilter(open=True)) == 2
    assert store.runs.count(RunFilter(open=True, state=RunState.QUEUED)) == 0
    assert store.runs.count(RunFilter(open=True, job="nobody")) == 0
    assert store.runs.count(RunFilter(job=job.id)) == 6
    assert store.runs.on_machines() == {job.key: 1}
    assert reread(store, alive).state is RunState.STARTING


def test_a_run_of_a_job_that_is_gone_is_refused(store: Store) -> None:
    job = add_job(store)
    store.jobs.delete(job.id)

    with pytest.raises(UnknownJob):
        add_run(store, job)


def test_under_skip_one_run_too_many_is_refused(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=2))
    add_run(store, job)
    add_run(store, job)

    with pytest.raises(JobBusy, match="already has 2"):
        add_run(store, job)


def test_under_skip_a_finished_run_makes_room(store: Store) -> None:
    job = add_job(store)
    first = add_run(store, job)
    claim_all(store)
    settle(store, first)

    assert add_run(store, job).id > first.id


def test_under_queue_one_run_too_many_waits(store: Store) -> None:
    job = add_job(store, policy=Policy(overlap=Overlap.QUEUE))
    add_run(store, job)

    assert add_run(store, job).state is RunState.QUEUED
    assert store.runs.counts_of_jobs([job.key]) == {job.key: (2, 0)}


def test_under_replace_the_oldest_living_run_is_stopped(store: Store) -> None:
    job = add_job(store, policy=Policy(overlap=Overlap.REPLACE))
    first = add_run(store, job)
    claim_all(store)

    second = add_run(store, job)
    third = add_run(store, job)

    assert reread(store, first).state is RunState.STOPPING
    assert reread(store, second).ended_by is EndedBy.REPLACED
    assert reread(store, third).state is RunState.QUEUED


def test_runs_are_listed_newest_first_page_by_page(store: Store) -> None:
    added = [add_run(store).id for _ in range(5)]

    first = store.runs.list(EVERYTHING, 3)
    second = store.runs.list(EVERYTHING, 3, first.next)

    assert [run.id for run in first.values + second.values] == added[::-1]
    assert second.next is None


@pytest.mark.parametrize("of_job", [False, True])
def test_waiting_runs_are_listed_newest_first_page_by_page(store: Store, of_job: bool) -> None:
    job = add_job(store)
    policies = [Policy(overlap=Overlap.QUEUE, priority=number % 2) for number in range(5)]
    added = [add_run(store, job, policy=policy).id for policy in policies]
    filters = RunFilter(state=RunState.QUEUED, job=job.id if of_job else None)

    first = store.runs.list(filters, 3)
    second = store.runs.list(filters, 3, first.next)

    assert [run.id for run in first.values + second.values] == added[::-1]
    assert second.next is None


def test_runs_are_found_by_their_ids_and_by_their_job(store: Store) -> None:
    job = add_job(store, policy=Policy(overlap=Overlap.QUEUE))
    one, two = add_run(store, job), add_run(store, job)

    assert store.runs.by_ids([one.id, two.id, 99]) == {one.id: one, two.id: two}
    assert store.runs.of_job(job.key, RunState.QUEUED) == [one, two]
    assert store.runs.of_job(job.key, RunState.RUNNING) == []
    assert store.runs.queued() == 2


def test_filters_narrow_the_list_of_runs(store: Store) -> None:
    job = add_job(store, name="Nightly")
    of_job = add_run(store, job)
    claim_all(store)
    settle(store, of_job, exit_code=3)
    late = add_run(store, name="other", task="shell", created_us=NOON + SECOND)

    def ids(filters: RunFilter) -> list[int]:
        return [run.id for run in store.runs.list(filters, 10).values]

    assert ids(RunFilter(job=job.id)) == [of_job.id]
    assert ids(RunFilter(job="00000000-0000-0000-0000-000000000000")) == []
    assert ids(RunFilter(task="shell")) == [late.id]
    assert ids(RunFilter(node="here")) == [of_job.id]
    assert ids(RunFilter(q="NIGHT")) == [of_job.id]
    assert ids(RunFilter(since=from_us(NOON + 1))) == [late.id]
    assert ids(RunFilter(until=from_us(NOON + 1))) == [of_job.id]
    assert ids(RunFilter(state=RunState.QUEUED)) == [late.id]
    assert ids(RunFilter(state=RunState.DONE)) == [of_job.id]
    assert ids(RunFilter(state=RunState.RUNNING)) == []
    assert ids(RunFilter(outcome=Outcome.FAILED, job=job.id)) == [of_job.id]


@pytest.mark.parametrize(
    ("ended_by", "code"),
    [(cause, None) for cause in EndedBy] + [(EndedBy.EXIT, 0), (EndedBy.EXIT, 1)],
)
def test_the_filter_by_outcome_agrees_with_the_model(
    store: Store, ended_by: EndedBy, code: int | None
) -> None:
    run = add_run(store)
    claim_all(store)
    settle(store, run, ended_by=ended_by, exit_code=code)

    outcome = reread(store, run).outcome

    for wanted in Outcome:
        found = store.runs.list(RunFilter(outcome=wanted), 10).values
        assert len(found) == (wanted is outcome)


def test_the_same_idempotency_key_makes_one_run(store: Store) -> None:
    key = IdempotencyKey(scope="POST /runs", key="k", body_digest="a" * 64)
    first = store.runs.add(new_run(), key)

    assert store.runs.add(new_run(), key) == first

    with pytest.raises(KeyReused):
        store.runs.add(new_run(), IdempotencyKey(scope="POST /runs", key="k", body_digest="b"))


def test_the_newest_runs_and_the_counts_of_jobs_are_found(store: Store) -> None:
    policy = Policy(overlap=Overlap.QUEUE)
    one, two, none = (add_job(store, policy=policy) for _ in range(3))
    add_run(store, one)
    claim_all(store)
    newest = add_run(store, one)
    other = add_run(store, two)

    keys = [one.key, two.key, none.key]
    assert store.runs.last_of_jobs(keys) == {one.key: newest, two.key: other}
    assert store.runs.counts_of_jobs(keys) == {one.key: (1, 1), two.key: (1, 0)}


def test_living_runs_and_states_are_told_to_who_waits(store: Store) -> None:
    job = add_job(store)
    first, second = add_run(store, job), add_run(store)
    claim_all(store)
    waiting = add_run(store)

    assert store.runs.live() == [
        (first.id, job.id, RunState.STARTING),
        (second.id, None, RunState.STARTING),
    ]
    assert store.runs.live(first.id) == [(second.id, None, RunState.STARTING)]
    assert store.runs.states([first.id, waiting.id, 99]) == {
        first.id: (RunState.STARTING, 1),
        waiting.id: (RunState.QUEUED, 0),
    }


def test_the_figures_tell_how_full_the_queue_is(store: Store) -> None:
    add_run(store)
    claim_all(store)
    add_run(store, created_us=NOON + 5)
    add_run(store, policy=Policy(queue="slow"), created_us=NOON + 3)

    figures = store.runs.figures()

    assert figures.by_state == {RunState.STARTING: 1, RunState.QUEUED: 2}
    assert figures.by_queue == {"default": 1, "slow": 1}
    assert (figures.queued, figures.oldest_us) == (2, NOON + 3)


def test_only_finished_runs_are_deleted_and_their_output_with_them(store: Store) -> None:
    done, alive = add_run(store), add_run(store)
    claim_all(store)
    end = End(run_id=done.id, claim=1, ended_by=EndedBy.EXIT, exit_code=0)
    store.claims.settle([Settlement(end=end, out=b"x")], NOON)

    store.pruning.delete([done.id, alive.id])

    assert store.runs.get(done.id) is None
    assert store.outputs.get(done.id) is None
    assert store.runs.get(alive.id) is not None
