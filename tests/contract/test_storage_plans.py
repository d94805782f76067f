"""Every list and every poll is served by an index, however long the history is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsched.model import RunState
from jobsched.storage import Store
from jobsched.storage.durations import p95_of_jobs
from jobsched.storage.flowfilters import Course
from jobsched.storage.flows import FlowFilter
from jobsched.storage.searching import JobFilter, RunFilter
from jobsched.storage.standing import driver_of
from jobsched.storage.upcoming import alive, planned, planned_at
from tests.support.rows import NOON, add_job, add_run, claim_all, settle

_RUNNING = RunFilter(state=RunState.RUNNING)
_QUEUED = RunFilter(state=RunState.QUEUED)
_LIVING = FlowFilter(courses=frozenset({Course.WAITING, Course.RUNNING}))
_SCANNED_WHOLE = {
    # A walk along the primary key that ends after one page.
    "SCAN runs",
    "SCAN jobs",
    # Partial indexes: only what is not done.
    "SCAN runs USING INDEX runs_queued",
    "SCAN runs USING COVERING INDEX runs_alive",
    "SCAN runs USING COVERING INDEX runs_on_machine",
    "SCAN r USING COVERING INDEX runs_on_machine",
    # Only what was deleted while it lived.
    "SCAN flow_runs USING INDEX flow_runs_hidden",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/jobsched.db", migrate=True)
    yield store
    store.close()


def _plan(
    store: Store, work: Callable[[], object], kinds: tuple[str, ...] = ("SELECT", "WITH")
) -> list[str]:
    """Return the steps of all statements of these *kinds* that *work* executes."""
    seen: list[str] = []
    with store.database.read() as connection:  # the next ones get the same
        driver = driver_of(connection)
    driver.set_trace_callback(seen.append)
    work()
    driver.set_trace_callback(None)
    with store.database.read() as connection:
        return [
            row[3]
            for statement in seen
            if statement.strip().startswith(kinds)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]


@pytest.mark.parametrize(
    ("work", "index"),
    [
        (lambda s: s.claims.claim("n", "b", ["r"], 5, NOON), "runs_queued"),
        (lambda s: s.claims.claim("n", "b", ["r"], 5, NOON), "runs_on_machine"),
        (lambda s: s.claims.mine("n"), "runs_on_machine"),
        (lambda s: s.claims.stops("n"), "runs_on_machine"),
        (lambda s: s.claims.next_due(NOON), "runs_queued"),
        (lambda s: s.runs.live(), "runs_on_machine"),
        (lambda s: s.runs.figures(), "runs_alive"),
        (lambda s: s.runs.queued(), "runs_alive"),
        (lambda s: s.runs.last_of_jobs([1, 2]), "runs_by_job (job_key=?)"),
        (lambda s: s.runs.counts_of_jobs([1, 2]), "runs_alive (job_key=?)"),
        (lambda s: s.runs.of_job(1, RunState.QUEUED), "runs_alive (job_key=?"),
        (lambda s: s.runs.list(_RUNNING, 10), "runs_on_machine"),
        (lambda s: s.runs.list(_QUEUED, 10), "runs_alive"),
        (lambda s: s.flows.list(_LIVING, 10, None), "runs_alive"),
        (lambda s: s.flows.list(FlowFilter(jobs=frozenset({1})), 10, None), "runs_by_job"),
        (lambda s: s.flows.list(FlowFilter(export="e"), 10, None), "flow_runs_by_export"),
        (lambda s: s.flows.list(FlowFilter(import_="i"), 10, None), "flow_runs_by_import"),
        (lambda s: s.flows.list(FlowFilter(flow_run=1), 10, None), "flow_runs_by_flow_run"),
        (lambda s: s.flows.family(1, 0, 10), "runs_by_retry_of (retry_of=?)"),
        (lambda s: s.flows.family(1, 0, 10), "flow_runs_by_flow_run (flow_run_id=?)"),
        (lambda s: s.flows.has_failed_in(1, 1), "failures_by_record (record_id=? AND run_id=?)"),
        (lambda s: list(s.records.given(1, 2)), "records_by_retry (last_run_id=? AND given_to=?"),
        (lambda s: s.pruning.hidden(10), "flow_runs_hidden"),
        (lambda s: planned(s.database, (NOON, 1), NOON, 10), "jobs_due (next_us>? AND next_us<?)"),
        (lambda s: planned_at(s.database, NOON, 1), "jobs_due (next_us=?"),
        (lambda s: alive(s.database), "runs_alive"),
        (lambda s: p95_of_jobs(s.database, [1]), "runs_by_job (job_key=?)"),
        (lambda s: s.firing.by_calendars(0, 10), "INTEGER PRIMARY KEY (rowid>?)"),
        (lambda s: s.firing.seen([1, 2]), "INTEGER PRIMARY KEY (rowid=?)"),
        (lambda s: s.occurrences.list(1, 0, NOON, 10), "PRIMARY KEY (job_key=? AND due_us>?"),
        (lambda s: s.occurrences.fold(NOON, NOON, 10), "PRIMARY KEY (job_key=? AND due_us<?)"),
        (lambda s: s.occurrences.prune(NOON, 1, 10), "PRIMARY KEY (job_key=? AND due_us<?)"),
    ],
)
def test_what_is_asked_often_uses_its_index(
    store: Store, work: Callable[[Store], object], index: str
) -> None:
    add_run(store, add_job(store))

    plan = _plan(store, lambda: work(store))

    assert any(index in step for step in plan), plan


@pytest.mark.parametrize(
    "work",
    [
        lambda s: s.claims.claim("n", "b", ["r"], 5, NOON),
        lambda s: s.runs.live(),
        lambda s: s.runs.list(RunFilter(), 10),
        lambda s: s.runs.list(_RUNNING, 10),
        lambda s: s.runs.last_of_jobs([1]),
        lambda s: s.jobs.list(JobFilter(), 10),
        lambda s: s.flows.list(FlowFilter(), 10, None),
        lambda s: s.flows.list(_LIVING, 10, None),
    ],
)
def test_nothing_walks_through_the_whole_history(
    store: Store, work: Callable[[Store], object]
) -> None:
    add_run(store, add_job(store))

    plan = _plan(store, lambda: work(store))

    assert {step for step in plan if step.startswith("SCAN")} <= _SCANNED_WHOLE, plan


@pytest.mark.parametrize("state", [None, RunState.RUNNING])
def test_the_runs_of_a_job_are_found_without_those_of_others(
    store: Store, state: RunState | None
) -> None:
    job = add_job(store)
    add_run(store, job)

    plan = _plan(store, lambda: store.runs.list(RunFilter(job=job.id, state=state), 10))

    index = "runs_by_job" if state is None else "runs_alive"
    assert any(f"{index} (job_key=?" in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan


def test_who_settles_a_retry_reads_only_the_records_that_it_was_given(store: Store) -> None:
    run = add_run(store, add_job(store))
    claim_all(store)
    settle(store, run, exit_code=1)
    retry = store.runs.retry(run.id)
    claim_all(store)

    def work() -> None:
        list(store.records.given(run.id, retry.id))
        list(store.records.given_digests(run.id, retry.id))
        settle(store, retry, started_us=NOON)

    plan = _plan(store, work, ("SELECT", "WITH", "UPDATE records", "INSERT INTO failures"))

    reading = [step for step in plan if "records_by_last_run" in step]
    assert [step for step in plan if "records_by_retry (last_run_id=? AND given_to=?" in step]
    assert not reading, plan
