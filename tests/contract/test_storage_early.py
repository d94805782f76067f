"""Writing early: others see a change before the disk has it, and the caller returns after both."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from jobsched.errors import DiskFull, Unavailable, UnknownJob
from jobsched.storage import Store, sqlite
from tests.support.rows import add_job, new_run

COUNT = text("SELECT count(*) FROM runs")


def _runs(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.execute(COUNT).scalar_one())


def test_others_see_a_run_when_its_supervisor_is_called(store: Store) -> None:
    seen: list[int] = []

    run = store.runs.add(new_run(), None, lambda: seen.append(_runs(store)))

    assert seen == [1]
    assert store.runs.get(run.id) == run


def test_nobody_is_called_for_what_did_not_happen(store: Store) -> None:
    job = add_job(store)
    store.jobs.delete(job.id)
    called: list[None] = []

    with pytest.raises(UnknownJob):
        store.runs.add(new_run(job), None, lambda: called.append(None))

    assert (called, _runs(store)) == ([], 0)
    store.runs.add(new_run())
    assert _runs(store) == 1


def test_the_disk_has_it_before_the_caller_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL syncs by itself, before anybody sees the change")
    order: list[str] = []
    really = os.fdatasync

    def synced(log: int) -> None:
        assert Path(f"/proc/self/fd/{log}").readlink().name.endswith("-wal")
        really(log)
        order.append("synced")

    monkeypatch.setattr(os, "fdatasync", synced)

    store.runs.add(new_run(), None, lambda: order.append("visible"))

    assert order == ["visible", "synced"]


@pytest.mark.parametrize(("number", "refusal"), [(28, DiskFull), (5, Unavailable)])
def test_a_disk_that_does_not_take_it_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, refusal: type[Exception]
) -> None:
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL syncs by itself, before anybody sees the change")

    def failing(log: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(refusal):
            store.runs.add(new_run())

    store.runs.add(new_run())


def test_without_descriptors_nothing_is_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL has no log of ours to open")

    def refused(*_: object) -> int:
        raise Unavailable("The database's log cannot be opened: Too many open files.")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "open_log", refused)
        with pytest.raises(Unavailable):
            store.runs.add(new_run())

    assert _runs(store) == 0
