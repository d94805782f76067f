"""Every case of these folders' storage tests, on each database that is there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from jobsched import events
from jobsched.events import Event
from jobsched.storage import Store
from jobsched.storage.tables import metadata
from tests.support.databases import migrated
from tests.support.firing import Scheduling

POSTGRESQL = os.environ.get("JOBSCHED_TEST_POSTGRESQL")
_FILLED = "SELECT '{0}' WHERE EXISTS (SELECT FROM {0})"
_COUNT_ANEW = (
    "SELECT setval(quote_ident(sequencename)::regclass, start_value, false) FROM pg_sequences"
    " WHERE schemaname = current_schema() AND last_value IS NOT NULL"
)
_MISSING = "JOBSCHED_TEST_POSTGRESQL does not name a PostgreSQL server"


@contextmanager
def _own_schema() -> Iterator[str]:
    """The url of an empty schema, dropped at the end."""
    if not POSTGRESQL:
        pytest.skip(_MISSING)
    schema = f"jobsched_test_{secrets.token_hex(6)}"
    with _Schema(POSTGRESQL, schema):
        url = make_url(POSTGRESQL).update_query_dict({"options": f"-csearch_path={schema}"})
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A schema of this session's own."""
    with _own_schema() as url:
        yield url


class _Schema:
    def __init__(self, server: str, name: str) -> None:
        self._engine = create_engine(server)
        self._name = name

    def __enter__(self) -> None:
        self._execute(f"CREATE SCHEMA {self._name}")

    def __exit__(self, *_: object) -> None:
        self._execute(f"DROP SCHEMA {self._name} CASCADE")
        self._engine.dispose()

    def _execute(self, statement: str) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The url of a database, not necessarily an empty one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobsched.db"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The url of a database in which nothing is yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobsched.db"
        return
    with _own_schema() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store of this version's shape."""
    store = migrated(url)
    _empty(store)
    yield store
    store.close()


def _empty(store: Store) -> None:
    """Remove all rows and count from one again; TRUNCATE would make every table's files anew."""
    if store.database.dialect != "postgresql":
        return
    with store.database.write() as connection:
        filled = " UNION ALL ".join(map(_FILLED.format, metadata.tables))
        for name in list(connection.exec_driver_sql(filled).scalars()):
            connection.exec_driver_sql(f"DELETE FROM {name}")
        connection.exec_driver_sql(_COUNT_ANEW)


@pytest.fixture
def scheduling(store: Store) -> Iterator[Scheduling]:
    scheduling = Scheduling(store)
    yield scheduling
    scheduling.firer.leader.resign()


@pytest.fixture
def told() -> Iterator[list[Event]]:
    heard: list[Event] = []
    stop = events.listen(heard.append)
    yield heard
    stop()
