"""Finding and deleting runs that nobody keeps any longer."""

from jobsched.clock import SECOND
from jobsched.model import End, EndedBy, Job, Overlap, Policy, Run
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from tests.support.rows import NOON, add_job, add_run


def _ended(store: Store, job: Job | None = None, ended_us: int = NOON) -> Run:
    run = add_run(store, job)
    store.claims.claim("here", "boot", ["r1"], 1, NOON)
    end = End(
        run_id=run.id, claim=1, ended_by=EndedBy.EXIT, exit_code=0, ended_us=ended_us, out_bytes=1
    )
    store.claims.settle([Settlement(end=end, out=b"x")], NOON)
    return run


def test_the_oldest_finished_runs_of_a_job_are_beyond_its_history(store: Store) -> None:
    job = add_job(store, policy=Policy(overlap=Overlap.QUEUE))
    runs = [_ended(store, job) for _ in range(5)]
    add_run(store, job)

    assert store.pruning.beyond(job.key, 2, 10) == [run.id for run in runs[2::-1]]
    assert len(store.pruning.beyond(job.key, 2, 1)) == 1
    assert store.pruning.beyond(job.key, 5, 10) == []


def test_runs_without_a_job_are_old_by_the_time_of_their_end(store: Store) -> None:
    old, _young, _of_job = (
        _ended(store, ended_us=NOON - SECOND),
        _ended(store),
        _ended(store, add_job(store), NOON - SECOND),
    )

    assert store.pruning.without_job(NOON, 10) == [old.id]


def test_every_job_tells_how_many_runs_it_keeps(store: Store) -> None:
    some, usual = add_job(store, policy=Policy(history=3)), add_job(store)
    store.jobs.delete(usual.id)

    assert store.pruning.jobs(0, 10) == [(some.key, 3), (usual.key, None)]
    assert store.pruning.jobs(some.key, 10) == [(usual.key, None)]
    assert store.pruning.job(some.id) == (some.key, 3)
    assert store.pruning.job("none") is None


def test_what_is_deleted_takes_its_output_along(store: Store) -> None:
    run = _ended(store)

    store.pruning.delete([run.id])

    assert store.runs.get(run.id) is None
    assert store.outputs.get(run.id) is None
