import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from jobsched.errors import DatabaseBusy
from jobsched.storage.standing import Standing, driver_of


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    options = {"isolation_level": None, "check_same_thread": False}
    engine = create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=NullPool, connect_args=options)
    with engine.connect() as connection:
        driver_of(connection).execute("CREATE TABLE words (word)")
    yield engine
    engine.dispose()


@pytest.fixture
def standing(engine: Engine) -> Iterator[Standing]:
    standing = Standing(engine, 1, 0.01)
    yield standing
    standing.close()


def _words(standing: Standing) -> list[str]:
    with standing.transaction("BEGIN") as connection:
        return [word for (word,) in driver_of(connection).execute("SELECT word FROM words")]


def _insert_and_fail(standing: Standing) -> None:
    with standing.transaction("BEGIN IMMEDIATE") as connection:
        connection.exec_driver_sql("INSERT INTO words VALUES ('undone')")
        connection.exec_driver_sql("SELECT * FROM nowhere")


def _close_it(standing: Standing) -> None:
    with standing.transaction("BEGIN") as connection:
        driver_of(connection).close()


def test_a_connection_stays_open_from_one_transaction_to_the_next(standing: Standing) -> None:
    with standing.transaction("BEGIN") as first:
        driver = driver_of(first)

    with standing.transaction("BEGIN IMMEDIATE") as second:
        assert driver_of(second) is driver


def test_what_a_transaction_did_is_there_at_its_end(standing: Standing) -> None:
    with standing.transaction("BEGIN IMMEDIATE") as connection:
        connection.exec_driver_sql("INSERT INTO words VALUES ('kept')")

    assert _words(standing) == ["kept"]


def test_an_error_undoes_the_transaction_and_keeps_the_connection(standing: Standing) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        _insert_and_fail(standing)

    assert _words(standing) == []


def test_a_connection_that_cannot_even_undo_is_replaced(standing: Standing) -> None:
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        _close_it(standing)

    assert _words(standing) == []


def test_who_finds_all_connections_in_use_is_told_that_it_is_busy(standing: Standing) -> None:
    with standing.transaction("BEGIN"), pytest.raises(DatabaseBusy):
        _words(standing)

    assert _words(standing) == []
