"""A job with its newest run and its living ones, on each database."""

from jobsched.model import EndedBy, Policy
from jobsched.storage import Store
from jobsched.storage.jobviews import look_at
from tests.support.rows import NOON, add_job, add_run


def test_a_job_is_seen_with_what_it_is_doing(store: Store) -> None:
    job = add_job(store, policy=Policy(max_instances=9), tags=("a",), params={"who": "me"})
    add_run(store, add_job(store, name="another"))
    done, running, waiting = (add_run(store, job) for _ in range(3))
    store.runs.request_stop(done.id, EndedBy.STOP, "enough", NOON)
    store.claims.claim("here", "boot", ["r1"], 2, NOON)

    sight = look_at(store.database, job.id)

    assert sight is not None
    assert sight.job == store.jobs.get(job.id)
    assert sight.last_run == store.runs.get(waiting.id)
    assert (sight.queued, sight.running) == (1, 1)
    assert running.id < waiting.id


def test_a_job_without_runs_is_seen_as_it_is(store: Store) -> None:
    job = add_job(store)

    sight = look_at(store.database, job.id)

    assert sight == (store.jobs.get(job.id), None, 0, 0)


def test_a_deleted_or_unknown_job_is_not_seen(store: Store) -> None:
    job = add_job(store)
    store.jobs.delete(job.id)

    assert look_at(store.database, job.id) is None
    assert look_at(store.database, "nobody") is None
