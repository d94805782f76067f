"""How long failed records are kept."""

import pytest

from jobsched.clock import SECOND
from jobsched.errors import UnknownRecord
from jobsched.model import RecordState, Run
from jobsched.storage import Store
from tests.contract.test_storage_records import begun, data, fail, retried
from tests.support.rows import NOON, add_run, settle

START = 0


@pytest.fixture
def run(store: Store) -> Run:
    return begun(store, add_run(store))


def forget(store: Store, *runs: Run) -> None:
    """Delete runs as the retention does, in bites of two records."""
    ids = [run.id for run in runs]
    while store.forgetting.with_runs(ids, 2):
        pass
    store.pruning.delete(ids)


def record_ids(store: Store, run: Run) -> list[int]:
    return [record.id for record in store.records.of_run(run.id, 100).values]


def gone(store: Store, *records: int) -> list[bool]:
    found = []
    for record in records:
        try:
            store.records.get(record)
            found.append(False)
        except UnknownRecord:
            found.append(True)
    return found


def test_what_is_resolved_goes_with_the_last_run_in_which_it_failed(store: Store, run: Run) -> None:
    fail(store, run, *range(5))
    records = record_ids(store, run)
    retry = retried(store, run)
    settle(store, retry, exit_code=1)
    settle(store, retried(store, retry))

    forget(store, run)

    assert data(store, retry) == [0, 1, 2, 3, 4]
    assert not any(gone(store, *records))
    forget(store, retry)
    assert all(gone(store, *records))


def test_what_is_open_outlives_its_run_for_a_while(store: Store, run: Run) -> None:
    fail(store, run, "a", "b")
    records = record_ids(store, run)

    forget(store, run)

    kept = store.records.get(records[0])
    assert (kept.message, kept.state) == ("no a", RecordState.OPEN)
    assert store.forgetting.orphans(NOON, START, 10) == 0
    assert not any(gone(store, *records))
    assert store.forgetting.orphans(NOON + 9 * SECOND, START, 10) == 0
    assert all(gone(store, *records))


def test_what_is_being_retried_is_never_forgotten(store: Store, run: Run) -> None:
    fail(store, run, "a")
    [record] = record_ids(store, run)
    retry = retried(store, run)

    forget(store, run)
    store.forgetting.orphans(NOON + 9 * SECOND, START, 10)

    assert store.records.get(record).given_to == retry.id
    settle(store, retry)
    store.forgetting.orphans(NOON + 9 * SECOND, START, 10)
    assert gone(store, record) == [True]


def test_old_records_are_looked_at_in_turn(store: Store, run: Run) -> None:
    fail(store, run, *range(5))

    first = store.forgetting.orphans(NOON + 9 * SECOND, START, 3)

    assert first == record_ids(store, run)[2]
    assert store.forgetting.orphans(NOON + 9 * SECOND, first, 3) == 0
    assert data(store, run) == [0, 1, 2, 3, 4]
