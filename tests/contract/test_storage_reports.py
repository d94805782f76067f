"""Rows of runs that something else executes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobsched.clock import SECOND
from jobsched.model import End, EndedBy, Mode, Outcome, Policy, Retries, RunState
from jobsched.storage import Store
from jobsched.storage.newjobs import NewJob
from jobsched.storage.reports import CLAIM, Beginning, Taken
from jobsched.storage.settling import Settlement
from jobsched.storage.standing import driver_of
from tests.support.rows import NOON

Ending = Callable[[int], Settlement]


def _job(name: str = "told", number: int = 0) -> NewJob:
    policy = Policy(history=7, retries=Retries(max=3))
    return NewJob(
        id=f"00000000-0000-4000-8000-{number:012}", name=name, task="wrapped",
        mode=Mode.TRIGGERED, created_us=NOON, policy=policy,
    )  # fmt: skip


def _take(
    store: Store, key: str, end: Ending | None = None, now_us: int = NOON, number: int = 0
) -> Taken:
    beginning = Beginning(
        name="told", node="here", started_us=NOON - SECOND, params={}, requested_by="me"
    )
    return store.reports.take(key, beginning, _job(number=number), end, now_us)


def _exit(code: int) -> Ending:
    def end(run_id: int) -> Settlement:
        over = End(
            run_id=run_id, claim=CLAIM, ended_by=EndedBy.EXIT, exit_code=code,
            started_us=NOON - SECOND, ended_us=NOON, out_bytes=1,
        )  # fmt: skip
        return Settlement(end=over, out=b"x")

    return end


def _lose(store: Store, before_us: int) -> list[int]:
    lost = store.reports.lose(before_us, lambda node, us: f"{node} {us}", 10, NOON)
    return [settled.run.id for settled in lost]


def test_a_key_makes_one_run_and_a_name_one_job(store: Store) -> None:
    first, again = _take(store, "a", number=1), _take(store, "a", number=2)
    other = _take(store, "b", number=3)

    assert (first.made, again.made, other.made) == (True, False, True)
    assert first.run.id == again.run.id != other.run.id
    assert first.run.job_id == other.run.job_id
    assert (first.new_job is None, other.new_job) == (False, None)
    assert first.run.state is RunState.RUNNING


def test_many_at_once_make_one_job(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = [*pool.map(lambda n: _take(store, f"key{n % 20}", number=n + 1), range(40))]

    assert len({each.run.job_id for each in taken}) == 1
    assert len({each.run.id for each in taken}) == 20
    assert sum(each.made for each in taken) == 20


def test_an_end_that_failed_opens_no_record_and_makes_no_retry(store: Store) -> None:
    over = _take(store, "a", _exit(1))

    assert over.settled is not None
    assert over.settled.retry_run_id is None
    assert (over.run.counts.error, over.run.open_records, over.run.retriable) == (1, 0, False)
    assert store.runs.queued() == 0


def test_the_machine_of_the_same_name_has_nothing_to_do_with_it(store: Store) -> None:
    taken = _take(store, "a")
    store.runs.request_stop(taken.run.id, EndedBy.STOP, "why", NOON)

    assert store.claims.mine("here") == []
    assert store.claims.stops("here") == []
    assert _take(store, "a").stop_by is EndedBy.STOP


def test_only_what_is_silent_for_too_long_is_lost_and_only_once(store: Store) -> None:
    silent, _heard = _take(store, "a"), _take(store, "b", now_us=NOON + 10)
    _take(store, "c", _exit(0))

    assert _lose(store, NOON + 5) == [silent.run.id]
    assert _lose(store, NOON + 5) == []
    lost = store.runs.get(silent.run.id)
    assert lost is not None
    assert (lost.outcome, lost.reason) == (Outcome.LOST, f"here {NOON}")


def test_a_sign_of_life_puts_the_loss_off(store: Store) -> None:
    _take(store, "a")
    _take(store, "a", now_us=NOON + 10)

    assert _lose(store, NOON + 5) == []


def test_a_late_end_corrects_a_loss_and_a_later_one_nothing(store: Store) -> None:
    run = _take(store, "a").run
    _lose(store, NOON + 5)
    assert _take(store, "a").run.outcome is Outcome.LOST  # alive, but nobody knows more

    late = _take(store, "a", _exit(0))
    later = _take(store, "a", _exit(9))

    assert (late.run.id, late.run.outcome, late.run.counts.success) == (
        run.id, Outcome.SUCCEEDED, 1,
    )  # fmt: skip
    assert (later.settled, later.run.exit_code) == (None, 0)
    assert _lose(store, NOON + 5) == []


def test_what_is_deleted_leaves_nothing(store: Store) -> None:
    run = _take(store, "a", _exit(0)).run

    store.pruning.delete([run.id])

    assert store.outputs.get(run.id) is None
    assert _take(store, "a").made


def test_a_run_keeps_of_its_jobs_policy_what_concerns_it(store: Store) -> None:
    assert _take(store, "a").run.policy == Policy(history=7)


def test_job_and_silence_are_found_by_their_indexes(store: Store) -> None:
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL scans what is as small as this")
    with store.database.read() as connection:  # the next ones get the same
        driver = driver_of(connection)
    seen: list[str] = []
    driver.set_trace_callback(seen.append)

    store.reports.job("told")
    _lose(store, NOON)

    driver.set_trace_callback(None)
    with store.database.read() as connection:
        steps = [
            row[3]
            for query in seen
            if query.strip().startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        ]
    assert any("jobs_wrapped" in step for step in steps)
    assert any("reports_open" in step for step in steps)
    assert not any(step.startswith("SCAN jobs") for step in steps)
