"""The ledger of occurrences: read by time, folded into days, pruned."""

import json
from typing import Any

from jobsched.clock import SECOND, from_us
from jobsched.model import End, EndedBy, Job, OccurrenceOutcome, Run
from jobsched.storage import Store, occurrences
from jobsched.storage.claims import Settlement
from jobsched.storage.occurrences import NewOccurrence
from tests.support.rows import NOON, add_job, add_run

HOUR = 3600 * SECOND
DAY = 24 * HOUR
RAN = OccurrenceOutcome.RAN


def _enter(store: Store, job: Job, *entries: NewOccurrence) -> None:
    with store.database.write() as connection:
        occurrences.write(store.database, connection, job.key, entries)


def _at(due_us: int, outcome: OccurrenceOutcome = RAN, **facts: Any) -> NewOccurrence:
    return NewOccurrence(due_us=due_us, outcome=outcome, **facts)


def _moments(store: Store, job: Job, begin: int = 0, end: int = NOON * 2) -> list[int]:
    found = store.occurrences.list(job.key, begin, end, 100).values
    return [round(entry.due_at.timestamp()) - NOON // SECOND for entry in found]


def _ended(store: Store, job: Job, seconds: int, code: int) -> Run:
    run = add_run(store, job)
    store.claims.claim("here", "boot", ["r1"], 1, NOON)
    end = End(
        run_id=run.id,
        claim=1,
        ended_by=EndedBy.EXIT,
        exit_code=code,
        started_us=NOON,
        ended_us=NOON + seconds * SECOND,
    )
    store.claims.settle([Settlement(end=end)], NOON)
    return run


def test_entries_are_read_newest_first_within_their_span(store: Store) -> None:
    job, other = add_job(store), add_job(store)
    _enter(store, job, *(_at(NOON + number * SECOND) for number in range(5)))
    _enter(store, other, _at(NOON))

    assert _moments(store, job) == [4, 3, 2, 1, 0]
    assert _moments(store, job, NOON + SECOND, NOON + 3 * SECOND) == [2, 1]


def test_entries_are_read_page_by_page(store: Store) -> None:
    job = add_job(store)
    _enter(store, job, *(_at(NOON + number) for number in range(3)))

    first = store.occurrences.list(job.key, 0, NOON + 10, 2)
    second = store.occurrences.list(job.key, 0, NOON + 10, 2, first.next)

    found = [entry.due_at for entry in first.values + second.values]
    assert found == [from_us(NOON + number) for number in (2, 1, 0)]
    assert second.next is None


def test_an_entry_keeps_what_was_written_first(store: Store) -> None:
    job = add_job(store)
    _enter(store, job, _at(NOON, run_id=7, late_us=1500))

    _enter(store, job, _at(NOON, OccurrenceOutcome.SKIPPED, reason="later"))

    [entry] = store.occurrences.list(job.key, 0, NOON + 1, 10).values
    assert (entry.outcome, entry.run_id, entry.late_by) == (RAN, 7, 0.0015)


def test_a_stretch_that_reaches_into_the_span_is_shown(store: Store) -> None:
    job = add_job(store)
    stretch = _at(NOON, OccurrenceOutcome.MISSED, last_us=NOON + 9 * SECOND, count=10)
    _enter(store, job, stretch, _at(NOON + 10 * SECOND))

    found = store.occurrences.list(job.key, NOON + 5 * SECOND, NOON + DAY, 10).values

    assert [entry.count for entry in found] == [1, 10]
    assert found[1].last_due_at == from_us(NOON + 9 * SECOND)
    assert _moments(store, job, NOON + 10 * SECOND) == [10]


def test_what_went_as_planned_is_folded_into_its_day(store: Store) -> None:
    job = add_job(store)
    good, bad = _ended(store, job, 2, 0), _ended(store, job, 4, 1)
    _enter(
        store,
        job,
        _at(NOON, run_id=good.id, late_us=100),
        _at(NOON + SECOND, run_id=bad.id, late_us=300),
        _at(NOON + 2 * SECOND, OccurrenceOutcome.SKIPPED),
        _at(NOON + DAY),
    )

    assert store.occurrences.fold(NOON + DAY, NOON + HOUR, 10) == 2
    assert store.occurrences.fold(NOON + DAY, NOON + HOUR, 10) == 0

    assert _moments(store, job) == [86400, 2]
    [(day, ran, ended, _, late, _)] = _days(store, job)
    assert (day, ran, ended) == (NOON // DAY, 2, 0)
    assert json.loads(late) == [100, 300, 300, 300]


def test_a_deleted_run_leaves_how_it_ended_in_its_day(store: Store) -> None:
    job = add_job(store)
    _enter(store, job, _at(NOON, late_us=100))
    ids = [_ended(store, job, seconds, code).id for seconds, code in ((2, 0), (4, 1), (6, 0))]

    store.pruning.delete(ids[:2])
    store.occurrences.fold(NOON + DAY, NOON + HOUR, 10)
    store.pruning.delete(ids)

    [(day, ran, ended, failed, _, duration)] = _days(store, job)
    assert (day, ran, ended, failed) == (NOON // DAY, 1, 3, 1)
    assert json.loads(duration)[-1] == 6 * SECOND


def test_folding_in_small_batches_reaches_every_job_and_adds_up(store: Store) -> None:
    jobs = [add_job(store) for _ in range(3)]
    for job in jobs:
        _enter(store, job, *(_at(NOON + number, late_us=number) for number in range(5)))

    folded: list[int] = []
    while not folded or folded[-1]:
        folded.append(store.occurrences.fold(NOON + DAY, NOON + HOUR, 4))

    assert sum(folded) == 15
    for job in jobs:
        [(_, ran, _, _, late, _)] = _days(store, job)
        assert (ran, json.loads(late)[-1]) == (5, 4)
        assert _moments(store, job) == []


def test_what_is_too_old_is_pruned_but_no_stretch_that_ends_later(store: Store) -> None:
    job = add_job(store)
    missed = OccurrenceOutcome.MISSED
    _enter(
        store,
        job,
        _at(NOON - 2 * DAY, missed, last_us=NOON, count=3),
        _at(NOON - 2 * DAY + 1, missed),
        _at(NOON - 2 * DAY + 2, missed),
        _at(NOON, missed),
    )

    assert store.occurrences.prune(NOON, 1, 1) == 1
    assert store.occurrences.prune(NOON, 1, 10) == 1
    assert store.occurrences.prune(NOON, 1, 10) == 0

    assert _moments(store, job) == [0, -2 * 86400]


def test_counts_of_days_are_pruned_as_well(store: Store) -> None:
    job = add_job(store)
    _enter(store, job, _at(NOON))
    store.occurrences.fold(NOON + 5 * DAY, NOON + DAY, 10)

    store.occurrences.prune(NOON + 2 * DAY, 3, 10)
    assert len(_days(store, job)) == 1

    store.occurrences.prune(NOON + 5 * DAY, 3, 10)
    assert _days(store, job) == []


def _days(store: Store, job: Job) -> list[Any]:
    query = (
        "SELECT day, ran, ended, failed, late_quantiles, duration_quantiles FROM day_counts"
        " WHERE job_key = :key ORDER BY day"
    )
    with store.database.read() as connection:
        return [*store.database.run(connection, query, {"key": job.key})]
