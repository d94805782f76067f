"""What is kept and what goes: runs of a job by number, others by age, with their files."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsched import clock
from jobsched.clock import SECOND
from jobsched.events import Event
from jobsched.execution.places import output_path
from jobsched.model import End, EndedBy, Job, Policy
from jobsched.operations.retention import Retention
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.idempotency import IdempotencyKey, earlier
from jobsched.web.audit import AuditRow
from tests.support.databases import migrated
from tests.support.rows import add_job, new_run

DAY = 86_400 * SECOND


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = migrated(f"sqlite:///{tmp_path}/jobsched.db")
    yield store
    store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(conf_dir=tmp_path, tasks_dir=tmp_path, data_dir=tmp_path, history=2)


def done_runs(store: Store, count: int, job: Job | None = None, **ends: Any) -> list[int]:
    ids = [store.runs.add(new_run(job)).id]
    for _ in range(count):
        claimed = store.claims.claim("here", "boot", ["r1"], 1, clock.now_us())
        run = claimed[0].run
        end = {"ended_by": EndedBy.EXIT, "exit_code": 0, "ended_us": clock.now_us(), **ends}
        settlement = Settlement(end=End(run_id=run.id, claim=run.claim, **end), out=b"x")
        store.claims.settle([settlement], clock.now_us())
        ids.append(store.runs.add(new_run(job)).id)
    return ids[:-1]


def write_files(settings: Settings, ids: list[int]) -> None:
    for run_id in ids:
        stem = output_path(settings.runs_dir, run_id, 1)
        stem.parent.mkdir(parents=True, exist_ok=True)
        Path(f"{stem}.out").write_bytes(b"x")


def kept(store: Store, ids: list[int]) -> list[int]:
    return [run_id for run_id in ids if store.runs.get(run_id) is not None]


def test_a_job_keeps_its_newest_runs_and_files_go_with_the_others(
    store: Store, settings: Settings
) -> None:
    ids = done_runs(store, 5, add_job(store))
    write_files(settings, ids)

    Retention(settings, store).prune(threading.Event())

    assert kept(store, ids) == ids[-2:]
    assert store.outputs.get(ids[0]) is None
    files = sorted(path.name for path in settings.runs_dir.glob("*/*"))
    assert files == sorted(f"{run_id}.1.out" for run_id in ids[-2:])


def test_a_job_may_keep_more_than_the_setting_says(store: Store, settings: Settings) -> None:
    ids = done_runs(store, 5, add_job(store, policy=Policy(history=4)))

    Retention(settings, store).prune(threading.Event())

    assert kept(store, ids) == ids[-4:]


def test_runs_without_a_job_go_after_some_days(store: Store, settings: Settings) -> None:
    old = done_runs(store, 2, ended_us=clock.now_us() - 31 * DAY)
    new = done_runs(store, 1, ended_us=clock.now_us() - 29 * DAY)

    Retention(settings, store).prune(threading.Event())

    assert kept(store, old) == []
    assert kept(store, new) == new


def test_a_job_whose_run_has_just_ended_is_looked_at_first(
    store: Store, settings: Settings
) -> None:
    job = add_job(store)
    ids = done_runs(store, 3, job)
    retention = Retention(settings, store)
    retention._after = job.key + 1  # its turn in the round is over

    retention.hear(Event(name="run finished", level=20, fields={"job": job.id}))
    retention.prune(threading.Event())

    assert kept(store, ids) == ids[-2:]


def test_a_round_ends_early_when_the_server_stops(store: Store, settings: Settings) -> None:
    ids = done_runs(store, 5, add_job(store))
    done = threading.Event()
    done.set()

    Retention(settings, store).prune(done)

    assert kept(store, ids) == ids


def test_the_audit_log_is_kept_for_ninety_days(store: Store, settings: Settings) -> None:
    for age in (91, 89):
        store.audit.add([action(clock.now_us() - age * DAY)] * 250)

    Retention(settings, store).prune(threading.Event())

    left = store.audit.list(limit=1000).values
    assert len(left) == 250
    assert min(entry.at for entry in left) > clock.now() - timedelta(days=90)


def test_a_key_of_an_earlier_request_is_forgotten_after_a_day(
    store: Store, settings: Settings
) -> None:
    now_us = clock.now_us()
    for number, age in enumerate((25, 23)):
        key = IdempotencyKey(scope="someone POST /runs", key=str(number), body_digest="x")
        with store.database.write() as connection:
            earlier(store.database, connection, key, now_us - age * 3600 * SECOND)

    Retention(settings, store).prune(threading.Event())

    with store.database.read() as connection:
        rows = store.database.run(connection, "SELECT key FROM idempotency")
        assert [row.key for row in rows] == ["1"]


def action(at_us: int) -> AuditRow:
    return AuditRow(
        at_us=at_us,
        who="someone",
        source="127.0.0.1",
        what="POST /runs",
        target="/runs/1",
        status=202,
        request_id="x",
    )
