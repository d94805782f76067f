"""What is coming, and how long runs take, on each database."""

import random

import pytest

from jobsched.clock import SECOND
from jobsched.storage import Store
from jobsched.storage.durations import NEWEST, p95_of_jobs
from jobsched.storage.folding import DAY_US
from jobsched.storage.tables import day_counts, runs
from tests.support.rows import NOON, add_job
from tests.support.upcoming import Plan, listed, naive, put


def _any_plan(draw: random.Random) -> Plan:
    return Plan(
        step=draw.randint(1, 15),
        start=draw.randint(-20, 40),
        count=draw.choice([None, 1, 4]),
        lasted=draw.choice([None, 1, 5, 40]),
        alive=draw.choice([(), (3,), (2, 9)]),
        most=draw.randint(1, 3),
        paused=draw.choice([None, None, 20]),
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_row_of_every_page_is_as_by_brute_force(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    plans = [_any_plan(draw) for _ in range(25)]
    keys = put(store, plans)
    until = NOON + 60 * SECOND

    rows = listed(store, until, draw.choice([1, 7, 30]))

    assert rows == naive(plans, keys, until)
    assert len(rows) > 60


def _ran(store: Store, key: int, *seconds: int | None) -> None:
    """Add a run that is over for each of *seconds*, None for one that never started."""
    with store.database.write() as connection:
        for lasted in seconds:
            connection.execute(
                runs.insert().values(
                    job_key=key,
                    name="backup",
                    task="example",
                    state="done",
                    created_us=NOON,
                    started_us=None if lasted is None else NOON,
                    ended_us=NOON + (lasted or 0) * SECOND,
                )
            )


def _counted(store: Store, key: int, day: int, quantiles: str | None) -> None:
    with store.database.write() as connection:
        values = {"job_key": key, "day": NOON // DAY_US - day, "duration_quantiles": quantiles}
        connection.execute(day_counts.insert().values(values))


def test_only_the_newest_runs_that_started_count(store: Store) -> None:
    key = add_job(store).key
    _ran(store, key, 1000, *range(1, NEWEST + 1), None, None)

    assert p95_of_jobs(store.database, [key]) == {key: 29 * SECOND}


@pytest.mark.parametrize(("count", "place"), [(1, 1), (19, 19), (20, 19), (21, 20)])
def test_it_is_the_smallest_that_95_of_100_do_not_exceed(
    store: Store, count: int, place: int
) -> None:
    key = add_job(store).key
    _ran(store, key, *range(count, 0, -1))

    assert p95_of_jobs(store.database, [key, key + 1]) == {key: place * SECOND}


def test_when_no_run_is_kept_the_newest_day_that_was_counted_tells(store: Store) -> None:
    job, other, without = (add_job(store).key for _ in range(3))
    _counted(store, job, 3, "[1,50,1,1]")
    _counted(store, job, 2, "[1,60,1,1]")
    _counted(store, job, 1, None)
    _counted(store, other, 1, "[1,70,1,1]")
    _ran(store, other, 5)

    found = p95_of_jobs(store.database, [job, other, without])

    assert found == {job: 60, other: 5 * SECOND}


def test_no_jobs_need_no_history(store: Store) -> None:
    assert p95_of_jobs(store.database, []) == {}
