"""The probes, over a real database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobsched import clock
from jobsched.catalog import Catalog
from jobsched.model import Role
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store
from jobsched.storage.firing import LEASE
from jobsched.web.context import EXTENSION
from jobsched.web.health import health
from tests.support.databases import migrated
from tests.support.native import settings_in
from tests.support.web import Guarded, guarded_app


@dataclass
class Verbs:
    store: Store
    configuration: Configuration
    extra: list[str] = field(default_factory=list)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = migrated(f"sqlite:///{tmp_path}/jobsched.db")
    yield store
    store.close()


@pytest.fixture
def guarded(store: Store, tmp_path: Path) -> Guarded:
    guarded, settings = guarded_app(), settings_in(tmp_path)
    settings.data_dir.mkdir()
    guarded.app.extensions[EXTENSION] = Verbs(store, Configuration(settings, Catalog(tasks={})))
    guarded.app.register_blueprint(health)
    return guarded


@pytest.fixture
def client(guarded: Guarded) -> FlaskClient:
    return guarded.app.test_client()


def test_a_living_process_says_so_without_its_database(client: FlaskClient, store: Store) -> None:
    store.close()

    response = client.get("/healthz")

    assert response.get_json() == {"status": "alive"}


def test_ready_needs_a_leader_that_ticks(client: FlaskClient, store: Store) -> None:
    without = client.get("/readyz")
    store.leases.take(LEASE, "me", 10)
    leading = client.get("/readyz")
    store.leases.take(LEASE, "me", 10, clock.now_us() - 7 * clock.SECOND)
    stale = client.get("/readyz")

    assert without.status_code == 503
    assert without.get_json()["detail"] == "Not ready: leader: failed, ticks: failed."
    assert without.headers["Retry-After"] == "1"
    assert leading.get_json() == {
        "status": "ready",
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "leader": "ok",
            "ticks": "ok",
            "disk": "ok",
        },
    }
    assert stale.get_json()["detail"] == "Not ready: ticks: failed."


def test_ready_needs_room_on_the_disk(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.leases.take(LEASE, "me", 10)
    monkeypatch.setattr("jobsched.web.health.LEAST_BYTES", 1 << 62)

    full = client.get("/readyz")

    assert full.status_code == 503
    assert full.get_json()["detail"] == "Not ready: disk: full."


def test_ready_needs_this_versions_database(client: FlaskClient, store: Store) -> None:
    store.leases.take(LEASE, "me", 10)
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobsched_version SET version_num = '9999'")

    assert client.get("/readyz").get_json()["detail"] == "Not ready: migrations: failed."


def test_probes_need_no_token_and_metrics_do(guarded: Guarded, client: FlaskClient) -> None:
    token = guarded.tokens.create(Role.VIEWER)

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/metrics").status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.mimetype == "text/plain"
    assert "jobsched_build_info" in answer.text
