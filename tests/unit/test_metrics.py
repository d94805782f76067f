"""Metrics are rows, in Prometheus' own format."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import jobsched
from jobsched import clock, metrics
from jobsched.storage import Store
from jobsched.storage.figures import is_up_to_date
from jobsched.storage.firing import LEASE
from tests.support.databases import migrated


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = migrated(f"sqlite:///{tmp_path}/jobsched.db")
    yield store
    store.close()


def _samples(store: Store) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(metrics.text(store).decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def _insert(store: Store, **columns: object) -> None:
    now = clock.now_us()
    row = {"name": "a", "task": "t", "queue": "default", "priority": 0, "created_us": now}
    row |= {"attempt": 1, "claim": 0, "successes": 0, "errors": 0, "ignores": 0}
    row |= {"out_bytes": 0, "err_bytes": 0, **columns}
    names = ", ".join(row)
    places = ", ".join(f":{name}" for name in row)
    with store.database.write() as connection:
        statement = f"INSERT INTO runs ({names}) VALUES ({places})"
        store.database.run(connection, statement, row)


def test_an_empty_server_has_all_its_figures(store: Store) -> None:
    samples = _samples(store)

    assert samples["jobsched_build_info", jobsched.__version__] == 1
    assert samples["jobsched_queue_depth", "default"] == 0
    assert samples["jobsched_queue_oldest_age_seconds", ""] == 0
    assert samples["jobsched_runs", "running"] == 0
    assert samples["jobsched_jobs", "active"] == 0
    assert samples["jobsched_newest_runs", "lost"] == 0
    assert samples["jobsched_leader_present", ""] == 0


def test_runs_queue_and_lateness_are_told(store: Store) -> None:
    now = clock.now_us()
    _insert(store, state="queued", queue="slow", created_us=now - 60 * clock.SECOND)
    _insert(store, state="running")
    _insert(
        store,
        state="done",
        ended_by="exit",
        exit_code=1,
        due_us=now - 3 * clock.SECOND,
        created_us=now - 2 * clock.SECOND,
        started_us=now,
    )

    samples = _samples(store)

    assert samples["jobsched_runs", "queued"] == 1
    assert samples["jobsched_runs", "running"] == 1
    assert samples["jobsched_queue_depth", "slow"] == 1
    assert 59 < samples["jobsched_queue_oldest_age_seconds", ""] < 90
    assert samples["jobsched_newest_runs", "failed"] == 1
    assert samples["jobsched_firing_lateness_seconds", "0.99"] == 1
    assert samples["jobsched_start_lateness_seconds", "1.0"] == 3


def test_leader_and_machines_are_told(store: Store) -> None:
    now = clock.now_us()
    store.leases.take(LEASE, "me", 10)
    store.nodes.beat(
        name="one",
        boot_id="b",
        capacity=4,
        started_us=now,
        now_us=now - 2 * clock.SECOND,
        facts={},
    )

    samples = _samples(store)

    assert samples["jobsched_leader_epoch", ""] == 1
    assert samples["jobsched_leader_present", ""] == 1
    assert 2 <= samples["jobsched_node_heartbeat_age_seconds", "one"] < 30
    assert samples["jobsched_node_capacity", "one"] == 4


def test_the_shape_of_the_database_is_known(store: Store) -> None:
    assert is_up_to_date(store.database)
