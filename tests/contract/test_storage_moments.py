"""No two runs of a web job are made in the same step of their ids; others may be."""

import pytest

from jobsched.catalog import WEB_JOB
from jobsched.clock import to_us
from jobsched.model import Job, Mode, Policy
from jobsched.storage import Store
from jobsched.webjobs.runids import TICK_US, id_of
from tests.support.rows import NOON, add_job, add_run, claim_all, reread, settle

MANY = Policy(max_instances=9)


@pytest.fixture
def web_job(store: Store) -> Job:
    return add_job(store, task=WEB_JOB, mode=Mode.TRIGGERED, policy=MANY)


def test_runs_of_a_web_job_follow_each_other(store: Store, web_job: Job) -> None:
    runs = [add_run(store, web_job) for _ in range(4)]

    moments = [to_us(reread(store, run).created_at) for run in runs]
    assert moments == [NOON + number * TICK_US for number in range(4)]
    assert [run.created_at for run in runs] == [reread(store, run).created_at for run in runs]
    assert len({id_of(run.created_at) for run in runs}) == 4


def test_in_the_middle_of_a_step_the_next_one_counts(store: Store, web_job: Job) -> None:
    add_run(store, web_job, created_us=NOON + 30)

    run = add_run(store, web_job, created_us=NOON + 60)

    assert to_us(run.created_at) == NOON + TICK_US


def test_one_that_is_later_anyway_keeps_its_moment(store: Store, web_job: Job) -> None:
    add_run(store, web_job)

    run = add_run(store, web_job, created_us=NOON + TICK_US + 1)

    assert to_us(run.created_at) == NOON + TICK_US + 1


def test_a_clock_that_was_set_back_changes_no_order(store: Store, web_job: Job) -> None:
    add_run(store, web_job)

    run = add_run(store, web_job, created_us=NOON - 10**9)

    assert to_us(run.created_at) == NOON + TICK_US


def test_a_retry_has_a_moment_of_its_own(store: Store, web_job: Job) -> None:
    run = add_run(store, web_job, created_us=NOON + 10**15)
    claim_all(store, now_us=NOON + 10**15)
    settle(store, run, exit_code=1)

    retry = store.runs.retry(run.id)

    assert to_us(retry.created_at) == NOON + 10**15 + TICK_US


def test_another_web_job_has_moments_of_its_own(store: Store, web_job: Job) -> None:
    other = add_job(store, name="other", task=WEB_JOB, mode=Mode.TRIGGERED)
    add_run(store, web_job)

    assert to_us(add_run(store, other).created_at) == NOON


def test_runs_of_other_tasks_share_a_moment(store: Store) -> None:
    job = add_job(store, policy=MANY)

    assert {to_us(add_run(store, job).created_at) for _ in range(3)} == {NOON}


def test_the_runs_of_triggered_web_jobs_are_named_for_pruning(store: Store, web_job: Job) -> None:
    always = add_job(store, name="always", task=WEB_JOB, mode=Mode.CONTINUOUS)
    runs = [add_run(store, job) for job in (web_job, always, add_job(store, name="plain"))]

    found = store.pruning.web_job_runs([run.id for run in runs])

    assert found == [("backup", NOON)]
