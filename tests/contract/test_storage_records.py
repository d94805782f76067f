"""Failed records: taken over, given to retries, resolved or open again; counts move with them."""

import json
import os
from typing import Any

import pytest

from jobsched.clock import SECOND
from jobsched.errors import Conflict, NothingToRetry, NotRetriable, UnknownRecord
from jobsched.model import Counts, EndedBy, Mode, OnLost, Policy, RecordState, Retries, Run
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.newruns import NewRun
from jobsched.storage.records import Failure, Portion, text_of
from jobsched.storage.tallies import Report
from tests.support.rows import NOON, add_job, add_run, claim_all, end_of, reread, settle

OPEN, RETRYING, RESOLVED = RecordState.OPEN, RecordState.RETRYING, RecordState.RESOLVED


def fail(store: Store, run: Run, *data: object, number: int = 1, **facts: Any) -> Run:
    """Let a run end that has reported each of *data* as failed."""
    failures = [
        Failure(number=number + place, message=plain(f"no {one}"), data=text_of(one))
        for place, one in enumerate(data)
    ]
    return end(store, run, failures, **facts)


def plain(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def end(store: Store, run: Run, failures: list[Failure], *solved: int, **facts: Any) -> Run:
    """Let a run end that has reported *failures*, and that it *solved* these."""
    success = facts.pop("success", len(solved))
    store.records.take([Portion(run_id=run.id, failures=failures, solved=solved)], NOON)
    report = Report(errors=len(failures), success=success)
    settlement = Settlement(end=end_of(run, **facts), report=report)
    store.claims.settle([settlement], NOON + SECOND)
    return reread(store, run)


def begun(store: Store, run: Run) -> Run:
    """Let a machine take a run that waits."""
    claim_all(store)
    return reread(store, run)


def retried(store: Store, run: Run, record: int | None = None) -> Run:
    """Let somebody retry a run, and a machine take the retry."""
    return begun(store, store.runs.retry(run.id, record=record))


def states(store: Store, run: Run) -> list[RecordState]:
    return [record.state for record in store.records.of_run(run.id, 1000).values]


def data(store: Store, run: Run, **more: Any) -> list[object]:
    return [record.data for record in store.records.of_run(run.id, 1000, **more).values]


def counts(store: Store, run: Run) -> tuple[int, int]:
    found = reread(store, run).counts
    return found.success, found.error


def given(store: Store, retry: Run) -> list[str | None]:
    pages = store.records.given(retry.retry_of or 0, retry.id)
    return [text for page in pages for _, text in page]


@pytest.fixture
def run(store: Store) -> Run:
    return begun(store, add_run(store))


def test_what_a_run_reports_is_open_once_it_is_done(store: Store, run: Run) -> None:
    done = fail(store, run, {"b": 1, "a": [2]}, "two", None, success=5)

    assert (done.counts, done.reported) == (Counts(success=5, error=3), True)
    assert (done.open_records, done.retriable) == (3, True)
    first, second, third = store.records.of_run(run.id, 10).values
    assert (first.data, second.data, third.data) == ({"b": 1, "a": [2]}, "two", None)
    assert (first.message, first.number, first.state) == ("no {'b': 1, 'a': [2]}", 1, OPEN)
    assert (first.run_id, first.last_run_id, first.given_to, first.attempts) == (
        run.id,
        run.id,
        None,
        1,
    )
    assert store.records.get(first.id) == first


def test_a_report_is_taken_over_once_however_often_it_is_read(store: Store, run: Run) -> None:
    failures = [Failure(number=n, message="no", data=str(n)) for n in (1, 2, 3)]

    for most in (2, 3, 3):
        store.records.take([Portion(run_id=run.id, failures=failures[:most])], NOON)
    settle(store, run, counts=Counts(error=3))

    assert data(store, run) == [1, 2, 3]
    assert counts(store, run) == (0, 3)


def test_nothing_is_taken_over_for_a_run_that_is_done(store: Store, run: Run) -> None:
    settle(store, run)

    store.records.take([Portion(run_id=run.id, failures=[Failure(number=1, message="no")])], NOON)

    assert data(store, run) == []


def test_a_run_without_a_report_is_one_record(store: Store, run: Run) -> None:
    settle(store, run)

    assert (counts(store, run), reread(store, run).retriable) == ((1, 0), False)
    assert not reread(store, run).reported


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"exit_code": 3}, "Its exit code was 3."),
        ({"exit_code": None, "signal": 11}, "It was ended by signal 11."),
        ({"ended_by": EndedBy.TIMEOUT, "exit_code": None, "reason": "too long"}, "too long"),
        ({"ended_by": EndedBy.LOST, "exit_code": None, "reason": "gone"}, "gone"),
        ({"ended_by": EndedBy.NOT_STARTED, "exit_code": None, "reason": "no"}, "no"),
        ({"ended_by": EndedBy.STOP, "exit_code": None, "reason": "stopped"}, "stopped"),
    ],
)
def test_a_failed_run_without_a_report_is_one_open_record(
    store: Store, run: Run, facts: dict[str, Any], message: str
) -> None:
    settle(store, run, **facts)

    found = reread(store, run)
    assert (counts(store, run), found.open_records, found.retriable) == ((0, 1), 1, True)
    [record] = store.records.of_run(run.id, 10).values
    assert (record.number, record.data, record.state, record.message) == (0, None, OPEN, message)


def test_a_run_that_failed_after_successes_has_something_to_retry(store: Store, run: Run) -> None:
    settle(store, run, exit_code=1, counts=Counts(success=5))

    assert (counts(store, run), reread(store, run).open_records) == ((5, 1), 1)
    assert reread(store, run).reported


def test_a_service_has_no_records(store: Store) -> None:
    job = add_job(store, mode=Mode.CONTINUOUS, trigger=None, next_us=None)
    run = begun(store, add_run(store, job))

    settle(store, run, exit_code=1)

    assert (counts(store, run), reread(store, run).open_records) == ((0, 0), 0)


def test_errors_beyond_what_is_kept_are_counted(store: Store, run: Run) -> None:
    store.records.take([Portion(run_id=run.id, failures=[Failure(number=1, message="no")])], NOON)
    report = Report(errors=10, unkept=9, success=2**40, note="It is too long.")

    store.claims.settle([Settlement(end=end_of(run), report=report)], NOON)

    found = reread(store, run)
    assert found.counts == Counts(success=2**31 - 1, error=10)
    assert (found.open_records, found.reason) == (1, "It is too long.")


def test_errors_that_a_process_has_told_are_not_counted_twice(store: Store, run: Run) -> None:
    store.records.take([Portion(run_id=run.id, failures=[Failure(number=1, message="no")])], NOON)
    report = Report(errors=1, told=1, success=1)
    ended = end_of(run, counts=Counts(success=4, error=3))  # two could not be written

    store.claims.settle([Settlement(end=ended, report=report)], NOON)

    assert counts(store, run) == (5, 3)


def test_a_retry_is_given_exactly_what_is_open(store: Store, run: Run) -> None:
    fail(store, run, "a", "b")

    retry = retried(store, run)

    assert given(store, retry) == ['"a"', '"b"']
    assert (states(store, run), reread(store, run).open_records) == ([RETRYING] * 2, 0)
    assert not reread(store, run).retriable
    [first, _] = store.records.of_run(run.id, 10).values
    assert first.given_to == retry.id


def test_the_record_of_a_whole_run_is_nothing_to_be_given(store: Store, run: Run) -> None:
    settle(store, run, exit_code=1)

    assert given(store, retried(store, run)) == []
    assert states(store, run) == [RETRYING]


def test_a_silent_retry_that_succeeds_resolves_all(store: Store, run: Run) -> None:
    fail(store, run, "a", "b", success=5)
    retry = retried(store, run)

    settle(store, retry)

    assert (counts(store, run), counts(store, retry)) == ((7, 0), (2, 0))
    assert states(store, run) == [RESOLVED] * 2
    assert (data(store, retry), reread(store, retry).retriable) == ([], False)
    with pytest.raises(Conflict):
        store.runs.retry(run.id)


@pytest.mark.parametrize("how", [{"exit_code": 1}, {"ended_by": EndedBy.LOST, "exit_code": None}])
def test_a_silent_retry_that_fails_leaves_all_open(
    store: Store, run: Run, how: dict[str, Any]
) -> None:
    fail(store, run, "a", "b", success=5)
    retry = retried(store, run)

    settle(store, retry, reason="broken", **how)

    assert (counts(store, run), counts(store, retry)) == ((5, 2), (0, 2))
    assert (states(store, run), data(store, retry)) == ([OPEN] * 2, ["a", "b"])
    assert (reread(store, run).open_records, reread(store, retry).open_records) == (0, 2)
    assert {one.message for one in store.records.of_run(retry.id, 10).values} == {"broken"}
    [record, _] = store.records.of_run(run.id, 10).values
    assert (record.message, record.attempts, record.last_run_id) == ("no a", 2, retry.id)
    assert store.records.get(record.id).message == "broken"


def test_what_a_retry_names_has_failed_again_and_the_rest_is_resolved(
    store: Store, run: Run
) -> None:
    fail(store, run, "a", "b", "c", success=7)
    retry = retried(store, run)
    second = store.records.of_run(run.id, 10).values[1]

    end(store, retry, [Failure(number=1, message="again", data='"b"', record=second.id)])

    assert (counts(store, run), counts(store, retry)) == ((9, 1), (2, 1))
    assert states(store, run) == [RESOLVED, OPEN, RESOLVED]
    assert (data(store, run, state=OPEN), data(store, retry)) == (["b"], ["b"])
    assert store.records.get(second.id).message == "again"


def test_retries_of_retries_keep_every_count_of_their_line(store: Store, run: Run) -> None:
    fail(store, run, "a", "b", "c", success=7)
    first = retried(store, run)
    kept = store.records.of_run(run.id, 10).values[:2]
    again = [Failure(number=n, message="no", record=one.id) for n, one in enumerate(kept, 1)]
    end(store, first, again)
    assert (counts(store, run), counts(store, first)) == ((8, 2), (1, 2))

    second = retried(store, first)
    assert given(store, second) == ['"a"', '"b"']
    end(store, second, [Failure(number=1, message="no", record=kept[1].id)])

    assert [counts(store, one) for one in (run, first, second)] == [(9, 1), (2, 1), (1, 1)]
    settle(store, retried(store, second))
    assert [counts(store, one) for one in (run, first, second)] == [(10, 0), (3, 0), (2, 0)]
    assert not any(reread(store, one).retriable for one in (run, first, second))


def test_a_retry_that_fails_keeps_what_it_says_it_has_solved(store: Store, run: Run) -> None:
    fail(store, run, "a", "b", "c")
    retry = retried(store, run)
    first, second, _ = store.records.of_run(run.id, 10).values

    end(
        store,
        retry,
        [Failure(number=1, message="again", record=second.id)],
        first.id,
        exit_code=1,
    )

    assert states(store, run) == [RESOLVED, OPEN, OPEN]
    assert (counts(store, run), counts(store, retry)) == ((1, 2), (1, 2))
    assert data(store, retry) == ["b", "c"]


def test_an_error_that_names_none_is_a_new_record_of_the_retry(store: Store, run: Run) -> None:
    fail(store, run, "a")
    retry = retried(store, run)

    fail(store, retry, "other")

    assert (counts(store, run), counts(store, retry)) == ((1, 0), (1, 1))
    [record] = store.records.of_run(retry.id, 10).values
    assert (record.run_id, record.data, record.attempts) == (retry.id, "other", 1)


def test_a_retry_that_never_starts_gives_its_records_back(store: Store, run: Run) -> None:
    fail(store, run, "a", "b")
    waits = store.runs.retry(run.id)

    store.runs.request_stop(waits.id, EndedBy.STOP, "enough", NOON)

    assert (states(store, run), reread(store, run).open_records) == ([OPEN] * 2, 2)
    assert (counts(store, waits), reread(store, waits).open_records) == ((0, 0), 0)
    assert given(store, retried(store, run)) == ['"a"', '"b"']


def test_a_retry_that_is_stopped_before_a_runner_knows_it_gives_them_back(
    store: Store, run: Run
) -> None:
    fail(store, run, "a")
    retry = retried(store, run)

    settle(store, retry, ended_by=EndedBy.STOP, exit_code=None)

    assert (states(store, run), reread(store, run).open_records) == ([OPEN], 1)
    assert (counts(store, retry), reread(store, retry).retriable) == ((0, 0), False)


def test_a_stop_while_a_run_goes_back_to_the_queue_gives_them_back(store: Store, run: Run) -> None:
    fail(store, run, "a")
    retry = retried(store, run)
    store.runs.request_stop(retry.id, EndedBy.STOP, None, NOON)

    assert store.claims.requeue([(retry.id, 1)], "its runner died", now_us=NOON) == [retry.id]

    assert states(store, run) == [OPEN]


def test_a_run_that_is_stopped_in_the_queue_can_be_retried(store: Store) -> None:
    first, second = add_run(store), add_run(store)

    store.runs.request_stop(first.id, EndedBy.STOP, "enough", NOON)
    assert store.claims.cancel_queued(EndedBy.SHUTDOWN, "bye", NOON) == 1

    for run, message in ((first, "enough"), (second, "bye")):
        assert (counts(store, run), reread(store, run).retriable) == ((0, 1), True)
        assert [one.message for one in store.records.of_run(run.id, 10).values] == [message]


def test_an_automatic_retry_is_given_the_records(store: Store) -> None:
    job = add_job(store, policy=Policy(retries=Retries(max=1, backoff=0), on_lost=OnLost.RETRY))
    run = begun(store, add_run(store, job))

    done = fail(store, run, "a", "b", exit_code=1)

    assert (done.open_records, states(store, run)) == (0, [RETRYING] * 2)
    retry = store.runs.get(done.retried_by or 0)
    assert retry is not None
    assert given(store, retry) == ['"a"', '"b"']


def test_one_record_is_retried_alone(store: Store, run: Run) -> None:
    fail(store, run, "a", "b")
    first, second = store.records.of_run(run.id, 10).values

    retry = retried(store, run, second.id)

    assert given(store, retry) == ['"b"']
    assert (states(store, run), reread(store, run).open_records) == ([OPEN, RETRYING], 1)
    with pytest.raises(NothingToRetry):
        store.runs.retry(run.id, record=second.id)
    settle(store, retry)
    assert states(store, run) == [OPEN, RESOLVED]
    assert given(store, retried(store, run)) == ['"a"']
    assert first.state is OPEN


@pytest.mark.parametrize("alone", [True, False])
def test_who_was_given_records_is_not_retried_once_they_are_resolved(
    store: Store, run: Run, alone: bool
) -> None:
    fail(store, run, "a", "b", success=998)
    _, second = store.records.of_run(run.id, 10).values
    retry = retried(store, run, second.id if alone else None)

    settle(store, retry)

    with pytest.raises(NotRetriable, match="that it was given are all resolved"):
        store.runs.retry(retry.id)


def test_who_was_given_records_passes_on_those_that_are_open_still(store: Store, run: Run) -> None:
    fail(store, run, "a", "b", success=998)
    retry = retried(store, run)
    fail(store, retry, "a", success=1)

    again = retried(store, retry)

    assert given(store, again) == ['"a"']
    with pytest.raises(NotRetriable, match=f"it has a retry: run {again.id}"):
        store.runs.retry(retry.id)


def test_who_was_given_a_record_whose_run_is_gone_is_not_retried_without_it(store: Store) -> None:
    job = add_job(store)
    run = begun(store, add_run(store, job))
    fail(store, run, "a")
    [record] = store.records.of_run(run.id, 10).values
    store.pruning.delete([run.id])
    new = NewRun(
        name="n", task="t", created_us=NOON, job_key=job.key, retry_of=run.id, record=record.id
    )
    retry = begun(store, store.runs.add(new))

    settle(store, retry)

    with pytest.raises(NotRetriable, match="that it was given are all resolved"):
        store.runs.retry(retry.id)


def test_a_retry_that_solves_all_and_fails_has_nothing_more_to_try(store: Store) -> None:
    """Its task would do everything once more, for lack of a record that says what to do."""
    policy = Policy(retries=Retries(max=5, backoff=0))
    run = begun(store, add_run(store, policy=policy))
    done = fail(store, run, "a", success=999, exit_code=1)
    [retry] = store.runs.by_ids([done.retried_by or 0]).values()
    claim_all(store, now_us=NOON + 3 * SECOND)
    [record] = store.records.of_run(run.id, 10).values

    ended = end(store, retry, [], record.id, exit_code=1)

    assert (states(store, run), counts(store, run)) == ([RESOLVED], (1000, 0))
    assert (ended.counts, ended.retriable) == (Counts(success=1), False)
    assert ended.retried_by is None
    with pytest.raises(NotRetriable, match="that it was given are all resolved"):
        store.runs.retry(retry.id)


def test_open_data_can_be_changed_and_no_other(store: Store, run: Run) -> None:
    fail(store, run, {"id": 1})
    [record] = store.records.of_run(run.id, 10).values

    assert store.records.change_data(record.id, {"id": 2}).data == {"id": 2}
    retry = retried(store, run)
    assert given(store, retry) == ['{"id":2}']
    with pytest.raises(Conflict, match=f"being retried by run {retry.id}"):
        store.records.change_data(record.id, 3)
    settle(store, retry)
    with pytest.raises(Conflict, match="has been resolved"):
        store.records.change_data(record.id, None)
    with pytest.raises(UnknownRecord):
        store.records.change_data(10**15, None)


def test_records_come_in_pages_in_the_order_of_the_report(store: Store, run: Run) -> None:
    fail(store, run, *range(5))

    first = store.records.of_run(run.id, 2)
    second = store.records.of_run(run.id, 2, first.next)
    third = store.records.of_run(run.id, 2, second.next)

    pages = [[one.data for one in page.values] for page in (first, second, third)]
    assert (pages, third.next) == ([[0, 1], [2, 3], [4]], None)


def test_what_is_given_is_read_page_by_page(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.storage.records._AT_ONCE", 2)
    fail(store, run, *range(5))

    retry = retried(store, run)

    pages = [*store.records.given(run.id, retry.id)]
    assert [[text for _, text in page] for page in pages] == [["0", "1"], ["2", "3"], ["4"]]


def test_pages_are_shorter_where_records_are_large(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.storage.records._MOST", 100)
    fail(store, run, "a" * 60, "b" * 60, "c" * 300, "d", number=1)

    cursor, sizes = None, []
    while True:
        page = store.records.of_run(run.id, 10, cursor)
        sizes.append(len(page.values))
        cursor = page.next
        if cursor is None:
            break

    assert sizes == [2, 1, 1]
    retry = retried(store, run)
    assert [len(page) for page in store.records.given(run.id, retry.id)] == [2, 1, 1]


def test_names_of_files_that_are_no_text_reach_the_retry_as_they_are(
    store: Store, run: Run
) -> None:
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x98\x80")
    fail(store, run, {"name": name})

    assert data(store, run) == [{"name": "caf\ufffd \U0001f600"}]
    assert [json.loads(text or "") for text in given(store, retried(store, run))] == [
        {"name": name}
    ]
