"""Connections and transactions: what they promise, and what their failures mean."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobsched.errors import ConfigurationError, DatabaseBusy, DiskFull, Unavailable
from jobsched.storage import Database, Store, database, sqlite, wal_reset_fault
from jobsched.storage.database import parse
from tests.support.rows import NOON, add_run

_ADD = "INSERT INTO switches (name, value, updated_us) VALUES (:name, '{}', 1)"
_NAMES = "SELECT name FROM switches ORDER BY name"


def _add(store: Store, *names: str) -> None:
    with store.database.write() as connection:
        store.database.many(connection, _ADD, [{"name": name} for name in names])


def _names(store: Store) -> list[str]:
    with store.database.read() as connection:
        return [*store.database.run(connection, _NAMES).scalars()]


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/jobsched.db", migrate=True)
    yield store
    store.close()


@contextmanager
def _other_writer(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _pragma(store: Store, name: str) -> Any:
    with store.database.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_opening_a_store_again_leaves_the_locks_of_the_first(
    file_store: Store, tmp_path: Path
) -> None:
    _add(file_store, "a")
    Store.open(f"sqlite:///{tmp_path}/jobsched.db").close()
    leaving = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute({!r}); c.close()"

    argv = [sys.executable, "-c", leaving.format(_NAMES), str(tmp_path / "jobsched.db")]
    subprocess.run(argv, check=True)

    # Whoever leaves last removes the log; had our locks been gone, that would have been him.
    assert (tmp_path / "jobsched.db-wal").exists()
    _add(file_store, "b")
    with closing(sqlite3.connect(tmp_path / "jobsched.db")) as connection:
        assert connection.execute(_NAMES).fetchall() == [("a",), ("b",)]


def test_what_is_written_stays(store: Store) -> None:
    _add(store, "a", "b")

    assert _names(store) == ["a", "b"]


def test_an_error_undoes_the_whole_transaction(store: Store) -> None:
    rows = [{"name": "a"}, {"name": "a"}]

    with pytest.raises(Exception, match=r"(?i)unique"), store.database.write() as connection:
        store.database.many(connection, _ADD, rows)

    assert _names(store) == []


def test_many_of_nothing_is_nothing(store: Store) -> None:
    _add(store)

    assert _names(store) == []


def test_new_numbers_go_up_and_are_never_given_twice(store: Store) -> None:
    with store.database.write() as connection:
        first = store.database.new_ids(connection, "runs", 3)
    run = add_run(store)
    with store.database.write() as connection:
        second = store.database.new_ids(connection, "runs", 2)

    assert first == [1, 2, 3]
    assert run.id == 4
    assert second == [5, 6]


def test_a_number_in_use_is_not_given_again_after_its_row_is_gone(store: Store) -> None:
    run = add_run(store)
    with store.database.write() as connection:
        store.database.run(connection, "DELETE FROM runs")

    assert add_run(store).id > run.id


def test_threads_take_turns_in_writing(store: Store) -> None:
    def write(number: int) -> None:
        for step in range(10):
            _add(store, f"{number}-{step}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(_names(store)) == 80


def test_a_child_process_makes_its_own_connections(store: Store) -> None:
    _add(store, "parent")
    child = os.fork()
    if child == 0:
        try:
            store.dispose_after_fork()
            _add(store, "child")
            os._exit(len(_names(store)))
        finally:
            os._exit(99)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 2
    _add(store, "parent again")
    assert _names(store) == ["child", "parent", "parent again"]


def test_sqlite_is_set_up_so_that_a_commit_survives_a_power_cut(file_store: Store) -> None:
    assert _pragma(file_store, "journal_mode") == "wal"
    assert _pragma(file_store, "synchronous") == 2
    assert _pragma(file_store, "busy_timeout") == 5000


def test_a_database_can_be_read_by_its_owner_only(file_store: Store, tmp_path: Path) -> None:
    _add(file_store, "a")

    for name in ("jobsched.db", "jobsched.db-wal", "jobsched.db-shm"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_write_begins_by_locking_out_other_writers(file_store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "jobsched.db", timeout=0, isolation_level=None)
    with (
        closing(other),
        file_store.database.write(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_reads_see_one_moment_and_do_not_wait_for_a_writer(file_store: Store) -> None:
    _add(file_store, "a")
    database = file_store.database
    with database.read() as reader:
        before = [*database.run(reader, _NAMES).scalars()]
        _add(file_store, "b")

        assert [*database.run(reader, _NAMES).scalars()] == before == ["a"]

    assert _names(file_store) == ["a", "b"]


def test_only_the_owner_of_checkpoints_empties_the_log_by_itself(file_store: Store) -> None:
    assert _pragma(file_store, "wal_autocheckpoint") == 0

    file_store.database.own_checkpoints()

    assert _pragma(file_store, "wal_autocheckpoint") == 1000


def test_a_checkpoint_moves_the_log_into_the_file(file_store: Store, tmp_path: Path) -> None:
    size = (tmp_path / "jobsched.db").stat().st_size
    _add(file_store, *("x" * 200 + str(number) for number in range(1000)))

    file_store.database.checkpoint()

    assert (tmp_path / "jobsched.db").stat().st_size > size + 200_000


def test_a_log_that_was_long_is_cut_when_nobody_is_at_work(
    file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LONG_LOG", 100_000)
    log = tmp_path / "jobsched.db-wal"
    _add(file_store, *("x" * 200 + str(number) for number in range(1000)))
    assert log.stat().st_size > 100_000

    with file_store.database.read() as reader:
        file_store.database.run(reader, _NAMES)
        file_store.database.checkpoint()
        assert log.stat().st_size > 100_000
    file_store.database.checkpoint()

    assert log.stat().st_size == 0
    assert _pragma(file_store, "busy_timeout") == 5000
    _add(file_store, "one more")


def test_a_checkpoint_of_another_kind_of_database_does_nothing(store: Store) -> None:
    store.database.checkpoint()


def test_a_database_locked_by_another_process_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sqlite.ENGINE["connect_args"], "timeout", 0.05)
    store = Store.open(f"sqlite:///{tmp_path}/jobsched.db", migrate=True)

    with _other_writer(tmp_path / "jobsched.db"), pytest.raises(DatabaseBusy):
        _add(store, "a")

    _add(store, "b")
    assert _names(store) == ["b"]
    store.close()


def test_a_database_locked_by_another_thread_is_busy(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)

    with file_store.database.write(), pytest.raises(DatabaseBusy):
        _add(file_store, "a")


def test_a_full_disk_is_named_and_nothing_is_half_written(file_store: Store) -> None:
    _add(file_store, "a")
    pages = _pragma(file_store, "page_count")
    with file_store.database.read() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(DiskFull):
        _add(file_store, *("x" * 200 + str(number) for number in range(1000)))

    assert _names(file_store) == ["a"]


def test_a_database_that_cannot_be_written_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/jobsched.db"
    store = Store.open(url, migrate=True)
    with store.database.read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = 1")

    with pytest.raises(Unavailable):
        _add(store, "a")

    store.close()


def test_a_mistake_of_ours_is_not_hidden(store: Store) -> None:
    with pytest.raises(Exception, match="no_such_table"), store.database.read() as connection:
        store.database.run(connection, "SELECT * FROM no_such_table")


@pytest.mark.postgresql
def test_a_lost_connection_is_unavailable_and_comes_back(postgresql_url: str) -> None:
    store = Store.open(postgresql_url, migrate=True)
    mine = "SELECT pg_backend_pid()"
    with store.database.read() as connection:
        pid = connection.exec_driver_sql(mine).scalar()
    other = Database(postgresql_url)
    with other.read() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    other.close()

    with pytest.raises(Unavailable):
        store.nodes.list()

    assert isinstance(store.nodes.list(), list)
    store.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    absent = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    with pytest.raises(Unavailable), absent.read():
        pass


def test_a_faulty_version_of_sqlite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert wal_reset_fault() == sqlite3.sqlite_version

    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert wal_reset_fault() is None


def test_postgresql_is_reached_by_the_driver_that_comes_with_its_extra() -> None:
    assert parse("postgresql://h/d").drivername == "postgresql+psycopg"


def test_a_missing_driver_is_named_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"psycopg\[binary\]"):
        Database("postgresql+pg8000://h/d")


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="plain file"):
        Database("sqlite://")


def test_two_connections_for_one_job_take_turns(store: Store) -> None:
    run = add_run(store)
    claimed: list[int] = []

    def claim(node: str) -> None:
        claimed.extend(c.run.id for c in store.claims.claim(node, "boot", ["r"], 10, NOON))

    threads = [threading.Thread(target=claim, args=(f"n{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert claimed == [run.id]


def test_a_connection_that_can_only_read_is_not_used_again(file_store: Store) -> None:
    with file_store.database.read() as connection:  # as if the disk had been read-only then
        connection.exec_driver_sql("PRAGMA query_only = 1").close()

    with pytest.raises(Unavailable):
        _add(file_store, "lost")
    _add(file_store, "kept")

    assert _names(file_store) == ["kept"]
