"""Failed records as users handle them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.errors import (
    Conflict,
    NothingToRetry,
    RunNotFinished,
    UnknownRecord,
    UnknownRun,
)
from jobsched.events import Event, listen
from jobsched.model import RecordState, Run
from jobsched.storage.claims import Settlement
from jobsched.storage.records import Failure, Portion
from jobsched.storage.tallies import Report
from tests.support.native import Native, native_api
from tests.support.rows import NOON, add_run, claim_all, end_of, settle


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Native]:
    with native_api(tmp_path) as api:
        yield api


@pytest.fixture
def failed(api: Native) -> Run:
    """A run in which two records have failed."""
    run = add_run(api.store)
    claim_all(api.store)
    failures = [Failure(number=n, message="no", data=str(n)) for n in (1, 2)]
    api.store.records.take([Portion(run_id=run.id, failures=failures)], NOON)
    settlement = Settlement(end=end_of(run), report=Report(errors=2))
    api.store.claims.settle([settlement], NOON)
    return run


def test_the_records_of_a_run_are_listed(api: Native, failed: Run) -> None:
    records = api.operations.records

    page = records.of_run(failed.id, None, 1, RecordState.OPEN)

    assert [one.data for one in page.values] == [1]
    assert records.of_run(failed.id, page.next, 1).next is None
    assert records.get(page.values[0].id) == page.values[0]
    assert records.of_run(failed.id, None, 9, RecordState.RESOLVED).values == []


def test_what_is_not_there_is_named(api: Native) -> None:
    with pytest.raises(UnknownRun):
        api.operations.records.of_run(999, None, 10)
    with pytest.raises(UnknownRecord, match="no failed record 999"):
        api.operations.records.retry(999, "me")
    with pytest.raises(UnknownRun):
        api.operations.records.retry_open(999, "me")


def test_one_record_is_retried_and_then_the_rest(api: Native, failed: Run) -> None:
    records = api.operations.records
    first, second = records.of_run(failed.id, None, 9).values

    one = records.retry(first.id, "me")
    rest = records.retry_open(failed.id, "me")

    assert (one.retry_of, one.requested_by, rest.retry_of) == (failed.id, "me", failed.id)
    assert records.get(first.id).given_to == one.id
    assert records.get(second.id).given_to == rest.id
    assert "supervisor" in api.woken
    with pytest.raises(Conflict, match=f"being retried by run {one.id}"):
        records.retry(first.id, "me")
    with pytest.raises(NothingToRetry):
        records.retry_open(failed.id, "me")


def test_changed_data_is_told(api: Native, failed: Run) -> None:
    [first, _] = api.operations.records.of_run(failed.id, None, 9).values
    told: list[Event] = []
    stop = listen(told.append)

    changed = api.operations.records.change_data(first.id, [None], "me")

    stop()
    assert changed.data == [None]
    assert [(one.name, one.fields) for one in told] == [
        ("record changed", {"record": first.id, "run": failed.id, "by": "me"})
    ]


def test_a_clean_run_and_a_living_one_have_nothing_to_retry(api: Native) -> None:
    clean, alive = add_run(api.store), add_run(api.store)
    claim_all(api.store)
    settle(api.store, clean)

    with pytest.raises(NothingToRetry, match="Nothing has failed"):
        api.operations.records.retry_open(clean.id, "me")
    with pytest.raises(RunNotFinished):
        api.operations.records.retry_open(alive.id, "me")


def test_a_record_whose_run_has_gone_is_retried_by_its_job(api: Native) -> None:
    records, store = api.operations.records, api.store
    path = api.schedule(params={"who": "all"}, overlap="queue")
    run_id = api.client().post(f"{path}/run").get_json()["id"]
    claim_all(store, now_us=clock.now_us())
    run = store.runs.get(run_id)
    assert run is not None
    failure = Failure(number=1, message="no", data='{"id":1}')
    store.records.take([Portion(run_id=run_id, failures=[failure])], NOON)
    store.claims.settle([Settlement(end=end_of(run), report=Report(errors=1))], NOON)
    [record] = records.of_run(run_id, None, 9).values
    store.pruning.delete([run_id])

    again = records.retry(record.id, "me")

    assert (again.retry_of, again.job_id, again.params) == (run_id, run.job_id, {"who": "all"})
    assert records.get(record.id).given_to == again.id
    assert store.runs.get(again.id) == again
    claim_all(store, now_us=clock.now_us())
    assert [text for page in store.records.given(run_id, again.id) for _, text in page] == [
        '{"id":1}'
    ]
    settle(store, again)
    assert records.get(record.id).state is RecordState.RESOLVED


def test_a_record_of_which_run_and_job_have_gone_cannot_be_retried(
    api: Native, failed: Run
) -> None:
    [record, _] = api.operations.records.of_run(failed.id, None, 9).values
    api.store.pruning.delete([failed.id])

    with pytest.raises(UnknownRun):
        api.operations.records.retry(record.id, "me")
