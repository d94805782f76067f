"""Downtime, full batches and a database that somebody else holds (traps 3, 4, 6, 9)."""

import time
from pathlib import Path

import pytest

from jobsched.errors import DatabaseBusy
from jobsched.model import Misfire, Policy
from jobsched.storage import Store
from tests.support.firing import Scheduling

MONTH = 30 * 86_400


def test_trap_3_a_thousand_jobs_start_soon_after_a_month_of_downtime(store: Store) -> None:
    scheduling = Scheduling(store)
    policy = Policy(misfire=Misfire(grace=1.0))
    jobs = [scheduling.add({"interval": {"seconds": 1}}, policy=policy) for _ in range(1000)]
    started = time.monotonic()

    scheduling.fire(MONTH + 0.5)

    assert time.monotonic() - started < 5
    assert scheduling.outcomes(jobs[999]) == [("missed", MONTH - 1), ("ran", 1)]
    scheduling.firer.leader.resign()


def test_trap_4_sixty_moments_at_once_are_sixty_runs_however_few_can_start(store: Store) -> None:
    scheduling = Scheduling(store)
    jobs = [scheduling.add({"at": "2023-11-14T22:13:30Z"}) for _ in range(60)]

    scheduling.fire(10)

    assert [scheduling.outcomes(job) for job in jobs] == [[("ran", 1)]] * 60
    assert {scheduling.runs(job)[0][2] for job in jobs} == {"queued"}
    scheduling.firer.leader.resign()


def test_trap_9_all_due_at_one_second_are_committed_in_order(store: Store) -> None:
    scheduling = Scheduling(store, batch=100)
    jobs = [scheduling.add() for _ in range(350)]

    scheduling.fire(10)

    ids = [scheduling.runs(job)[0][0] for job in jobs]
    assert sorted(ids) == [*range(min(ids), min(ids) + 350)]
    scheduling.firer.leader.resign()


def test_trap_6_a_locked_database_makes_a_fire_late_but_single(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.storage.sqlite.ENGINE", _impatient())
    store = Store.open(f"sqlite:///{tmp_path}/jobsched.db", migrate=True)
    other = Store.open(f"sqlite:///{tmp_path}/jobsched.db")
    scheduling = Scheduling(store)
    job = scheduling.add()
    scheduling.fire()
    scheduling.moment.go(10)

    with other.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit")
        with pytest.raises(DatabaseBusy):
            scheduling.firer.fire()
        assert scheduling.runs(job) == []
    scheduling.fire(2)

    assert scheduling.outcomes(job) == [("late", 1)]
    scheduling.firer.leader.resign()
    store.close()
    other.close()


def _impatient() -> dict[str, object]:
    from jobsched.storage import sqlite

    patient = dict(sqlite.ENGINE["connect_args"])
    return {**sqlite.ENGINE, "connect_args": patient | {"timeout": 0.05}}
