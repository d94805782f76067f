"""Failed records on their way: given to the run that retries them, or back to those before it.

Each in the transaction that queues the retry, or that ends it before it has begun.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from jobsched.errors import NothingToRetry
from jobsched.storage.database import Database

# Every record stays with the last run in which it failed while another one tries it: so those
# given to a retry are found by the run that it retries.
_GIVE = """
UPDATE records SET state = 'retrying', given_to = :retry, solved = 0
WHERE last_run_id = :run AND state = 'open'
"""
_GIVE_ONE = f"{_GIVE} AND id = :record"
_TAKE_BACK = """
UPDATE records SET state = 'open', given_to = NULL, solved = 0
WHERE last_run_id = :run AND given_to = :retry
"""
_NONE_OPEN = "UPDATE runs SET open_records = 0 WHERE id = :run AND open_records != 0"
_MORE_OPEN = "UPDATE runs SET open_records = open_records + :count WHERE id = :run"


def give(
    database: Database, connection: Connection, run_id: int, retry: int, record: int | None = None
) -> int:
    """Give what is open of the run *run_id*, or only *record*, to *retry*; return how many.

    Raises: NothingToRetry when *record* is not open, or not this run's any more.
    """
    values = {"run": run_id, "retry": retry}
    if record is None:
        given = database.run(connection, _GIVE, values).rowcount
    else:
        given = database.run(connection, _GIVE_ONE, values | {"record": record}).rowcount
        if not given:
            raise NothingToRetry(f"Record {record} does not wait for a retry.", record=record)
    _count_open(database, connection, run_id, -given)
    return given


def give_all(
    database: Database, connection: Connection, retries: Sequence[tuple[int, int]]
) -> None:
    """Give what is open of each first run of *retries* to the second one, its retry."""
    database.many(connection, _GIVE, [{"run": run, "retry": retry} for run, retry in retries])
    database.many(connection, _NONE_OPEN, [{"run": run} for run, _ in retries])


def take_back(database: Database, connection: Connection, run_id: int, retry: int) -> int:
    """Open again what *retry*, which has never begun, was given of *run_id*; return how many."""
    values = {"run": run_id, "retry": retry}
    returned = database.run(connection, _TAKE_BACK, values).rowcount
    _count_open(database, connection, run_id, returned)
    return returned


def _count_open(database: Database, connection: Connection, run_id: int, count: int) -> None:
    if count:
        database.run(connection, _MORE_OPEN, {"run": run_id, "count": count})
