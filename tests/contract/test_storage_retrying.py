"""What is run again, what is not, and what a retry may do to other runs of its job."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jobsched.clock import SECOND
from jobsched.errors import Conflict, JobBusy, KeyReused, NotRetriable, WrongMode
from jobsched.model import (
    EndedBy,
    Job,
    Mode,
    Outcome,
    Overlap,
    Policy,
    RecordState,
    Retries,
    Run,
    RunState,
)
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey, KeyTaken
from jobsched.storage.retrying import Demand, Refusal
from jobsched.storage.searching import RunFilter
from tests.support.rows import NOON, add_job, add_run, claim_all, reread, settle


def failed_run(store: Store, job: Job | None = None, **facts: Any) -> Run:
    """Return a run that has been settled as failed, or as *facts* say."""
    run = add_run(store, job)
    claim_all(store)
    settle(store, run, **{"exit_code": 1, "started_us": NOON, **facts})
    return reread(store, run)


def triggered(store: Store, **policy: Any) -> Job:
    more = {"trigger": None, "next_us": None}
    return add_job(store, mode=Mode.TRIGGERED, policy=Policy(**policy), **more)


def demand(**more: Any) -> Demand:
    return Demand(requested_by="ada", now_us=NOON + 2 * SECOND, **more)


def split(answers: Sequence[Run | Refusal]) -> tuple[list[Run], list[Refusal]]:
    made = [each for each in answers if isinstance(each, Run)]
    return made, [each for each in answers if isinstance(each, Refusal)]


def opened(store: Store, **filters: Any) -> list[int]:
    return [run_id for run_id, _ in store.runs.due(RunFilter(open=True, **filters), 100)]


def test_a_run_with_a_living_retry_is_not_retried_again(store: Store) -> None:
    run = failed_run(store)
    retry = store.runs.retry(run.id)

    with pytest.raises(NotRetriable, match=f"it has a retry: run {retry.id} is queued") as refused:
        store.runs.retry(run.id)

    assert refused.value.facts == {"run": run.id, "retry": retry.id}
    assert opened(store) == []


@pytest.mark.parametrize(
    ("facts", "said"), [({"exit_code": 0}, "succeeded"), ({"exit_code": 1}, "failed")]
)
def test_after_its_retry_a_run_is_closed_and_a_failed_retry_is_open(
    store: Store, facts: dict[str, Any], said: str
) -> None:
    run = failed_run(store)
    retry = store.runs.retry(run.id)
    claim_all(store, now_us=NOON + 3 * SECOND)
    settle(store, retry, started_us=NOON, **facts)

    with pytest.raises(NotRetriable, match=f"run {retry.id} {said}"):
        store.runs.retry(run.id)

    if said == "succeeded":
        assert opened(store) == []
        with pytest.raises(NotRetriable, match="records that it was given are all resolved"):
            store.runs.retry(retry.id)
        return
    assert opened(store) == [retry.id]
    second = store.runs.retry(retry.id)
    assert (second.attempt, second.retry_of) == (3, retry.id)


def test_a_run_that_nothing_failed_in_may_be_repeated_and_its_repetition_too(store: Store) -> None:
    run = failed_run(store, exit_code=0)

    for _ in range(2):
        run = store.runs.retry(run.id)
        claim_all(store, now_us=NOON + 3 * SECOND)
        settle(store, run, started_us=NOON)
        run = reread(store, run)

    assert (run.attempt, run.counts.success) == (3, 1)


def test_a_retry_that_was_stopped_in_the_queue_leaves_its_failure_open(store: Store) -> None:
    run = failed_run(store)
    retry = store.runs.retry(run.id)
    store.runs.request_stop(retry.id, EndedBy.STOP, None, NOON)

    with pytest.raises(NotRetriable, match=f"it never started; retry run {run.id} instead"):
        store.runs.retry(retry.id)

    assert opened(store) == [run.id]
    assert opened(store, outcome=Outcome.STOPPED) == []
    again = store.runs.retry(run.id)
    assert (again.retry_of, again.attempt) == (run.id, 2)
    assert reread(store, run).retried_by == again.id


def test_runs_of_a_deleted_job_are_not_retried(store: Store) -> None:
    job = triggered(store)
    run = failed_run(store, job)
    store.jobs.delete(job.id)

    with pytest.raises(NotRetriable, match="its job has been deleted"):
        store.runs.retry(run.id)

    assert opened(store) == []


def test_runs_of_continuous_jobs_are_not_retried(store: Store) -> None:
    job = add_job(store, mode=Mode.CONTINUOUS, trigger=None, next_us=None)
    run = failed_run(store, job)

    with pytest.raises(WrongMode):
        store.runs.retry(run.id)

    assert opened(store) == []


def test_what_may_not_run_at_present_is_refused_with_the_reason(store: Store) -> None:
    run = failed_run(store)

    with pytest.raises(Conflict, match="not now"):
        store.runs.retry(run.id, barred={"runscript": "not now"})

    assert opened(store) == [run.id]


def test_under_skip_a_retry_is_refused_while_another_run_lives(store: Store) -> None:
    job = triggered(store)
    run = failed_run(store, job)
    living = add_run(store, job)

    with pytest.raises(JobBusy):
        store.runs.retry(run.id)

    store.runs.request_stop(living.id, EndedBy.STOP, None, NOON)
    assert store.runs.retry(run.id).retry_of == run.id


def test_under_queue_a_retry_waits_for_its_turn(store: Store) -> None:
    job = triggered(store, overlap=Overlap.QUEUE)
    run = failed_run(store, job)
    living = add_run(store, job)
    claim_all(store)

    retry = store.runs.retry(run.id)

    assert claim_all(store, now_us=NOON + 10**15) == []
    settle(store, living)
    assert [claim.run.id for claim in claim_all(store, now_us=NOON + 10**15)] == [retry.id]


def test_under_replace_a_retry_stops_the_run_that_lives(store: Store) -> None:
    job = triggered(store, overlap=Overlap.REPLACE)
    run = failed_run(store, job)
    living = add_run(store, job)
    claim_all(store)

    retry = store.runs.retry(run.id)

    assert reread(store, living).state is RunState.STOPPING
    assert reread(store, retry).state is RunState.QUEUED


def several_failures(store: Store, job: Job, count: int = 3) -> list[int]:
    return [failed_run(store, job).id for _ in range(count)]


def test_many_retries_of_a_job_that_skips_are_told_one_by_one(store: Store) -> None:
    job = triggered(store, max_instances=2)
    ids = several_failures(store, job)

    made, refused = split(store.runs.retry_many(ids, demand()))

    assert [run.retry_of for run in made] == ids[:2]
    assert [(each.run_id, type(each.error)) for each in refused] == [(ids[2], JobBusy)]


def test_many_retries_do_not_replace_each_other(store: Store) -> None:
    job = triggered(store, overlap=Overlap.REPLACE)
    ids = several_failures(store, job)
    living = add_run(store, job)
    asked = demand()

    first, _ = split(store.runs.retry_many(ids[:1], asked))
    made, refused = split(store.runs.retry_many(ids[1:], asked))

    assert reread(store, living).outcome is Outcome.STOPPED
    assert reread(store, first[0]).state is RunState.QUEUED
    assert (made, [each.run_id for each in refused]) == ([], ids[1:])


def test_many_retries_wait_where_a_job_queues_its_runs(store: Store) -> None:
    job = triggered(store, overlap=Overlap.QUEUE)
    ids = several_failures(store, job)

    made, refused = split(store.runs.retry_many([*ids, 999_999], demand()))

    assert [run.retry_of for run in made] == ids
    assert (refused, {run.requested_by for run in made}) == ([], {"ada"})


def test_what_was_stopped_is_only_retried_where_that_is_asked_for(store: Store) -> None:
    run = failed_run(store, ended_by=EndedBy.STOP, exit_code=None)

    assert opened(store) == []
    assert opened(store, outcome=Outcome.STOPPED) == [run.id]
    assert store.runs.retry(run.id).retry_of == run.id
    assert opened(store, outcome=Outcome.STOPPED) == []


def test_only_retries_are_listed_where_they_are_asked_for(store: Store) -> None:
    job = triggered(store, overlap=Overlap.QUEUE, retries=Retries(max=1, backoff=0))
    run = failed_run(store, job)

    [row] = store.runs.list(RunFilter(job=job.id, retries=True), 10).values

    assert (row.retry_of, row.requested_by, opened(store, retries=True)) == (run.id, None, [])
    claim_all(store, now_us=NOON + 10**15)
    settle(store, row, exit_code=1, started_us=NOON)
    assert opened(store, retries=True) == opened(store) == [row.id]


def together(work: Callable[[], None], count: int = 8) -> None:
    """Do *work* in so many threads at once."""
    barrier = threading.Barrier(count)

    def begin() -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_many_who_retry_the_same_at_once_one_does(store: Store) -> None:
    run = failed_run(store, triggered(store, overlap=Overlap.QUEUE))
    made: list[Run] = []
    refused: list[NotRetriable] = []

    def retry() -> None:
        try:
            made.append(store.runs.retry(run.id))
        except NotRetriable as error:
            refused.append(error)

    together(retry)

    assert (len(made), len(refused)) == (1, 7)
    assert reread(store, run).retried_by == made[0].id


def test_of_many_bulk_requests_at_once_each_failure_has_one_retry(store: Store) -> None:
    first = triggered(store, overlap=Overlap.QUEUE, max_instances=100)
    other = triggered(store, overlap=Overlap.QUEUE, max_instances=100)
    ids = several_failures(store, first, 5) + several_failures(store, other, 5)
    made: list[Run] = []

    def retry() -> None:
        made.extend(split(store.runs.retry_many(ids, demand()))[0])
        made.extend(split(store.runs.retry_many(ids[::-1], demand()))[0])

    together(retry, 4)

    assert sorted(run.retry_of or 0 for run in made) == sorted(ids)


def test_a_key_keeps_what_the_whole_request_has_made(store: Store) -> None:
    job = triggered(store, overlap=Overlap.QUEUE)
    ids = several_failures(store, job, 2)
    key = IdempotencyKey(scope="bulk", key="k", body_digest="a" * 64)
    asked, made = demand(), list[int]()

    def told(answers: Sequence[Run | Refusal]) -> str:
        made.extend(run.id for run in split(answers)[0])
        return json.dumps(made * 100)

    for run_id in ids:
        store.runs.retry_many([run_id], asked, key, told)

    with pytest.raises(KeyTaken) as taken:
        store.runs.retry_many(ids, demand(), key, told)
    assert (len(made), json.loads(taken.value.result)) == (2, made * 100)
    other = IdempotencyKey(scope="bulk", key="k", body_digest="b" * 64)
    with pytest.raises(KeyReused):
        store.runs.retry_many(ids, demand(), other, told)


def test_many_retries_are_given_what_failed(store: Store) -> None:
    job = triggered(store, overlap=Overlap.QUEUE)
    ids = several_failures(store, job)
    before = [run.open_records for run in _runs(store, ids)]

    made, _ = split(store.runs.retry_many(ids, demand()))

    records = [store.records.of_run(run_id, 10, None).values[0] for run_id in ids]
    assert (before, [run.open_records for run in _runs(store, ids)]) == ([1] * 3, [0] * 3)
    assert [record.state for record in records] == [RecordState.RETRYING] * 3
    assert [record.given_to for record in records] == [run.id for run in made]
    assert [run.retried_by for run in _runs(store, ids)] == [run.id for run in made]


def _runs(store: Store, ids: Sequence[int]) -> list[Run]:
    found = store.runs.by_ids(ids)
    return [found[run_id] for run_id in ids]
