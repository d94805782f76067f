"""What the end of a run means for its records: its counts, what is open, what is resolved.

Inside the transaction that settles the run, so that counts and end are seen together. What the
run reported stands in ``failures`` by then (:meth:`Records.take`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from jobsched.model import Counts
from jobsched.storage import handing
from jobsched.storage.database import Database

MOST = 2**31 - 1  # what a column of counts holds
WHOLE_RUN = 0  # the number of the record that stands for a whole run

_FAILED = "SELECT count(*), coalesce(max(number), 0) FROM failures WHERE run_id = :run"
_GIVEN = "SELECT count(*) FROM records WHERE last_run_id = :parent AND given_to = :run"
_AGAIN = """
UPDATE records SET state = 'open', last_run_id = :run, given_to = NULL, solved = 0,
    attempts = attempts + 1, failed_us = :now
WHERE last_run_id = :parent AND given_to = :run
"""
_NAMED = f"""{_AGAIN}
    AND EXISTS (SELECT 1 FROM failures f WHERE f.record_id = records.id AND f.run_id = :run)
"""  # noqa: S608 - constants
_FAIL_REST = """
INSERT INTO failures (run_id, number, record_id, message)
SELECT given_to, :most + row_number() OVER (ORDER BY id), id, :message
FROM records WHERE last_run_id = :parent AND given_to = :run AND solved = 0
"""
_REST = f"{_AGAIN} AND solved = 0"
_MOVES = """
SELECT f.run_id, count(*) FROM records r JOIN failures f ON f.record_id = r.id
WHERE r.last_run_id = :parent AND r.given_to = :run
GROUP BY f.run_id ORDER BY f.run_id
"""
_MOVE = "UPDATE runs SET errors = errors - :count, successes = successes + :count WHERE id = :run"
_RESOLVE = """
UPDATE records SET state = 'resolved', given_to = NULL, solved = 0, attempts = attempts + 1
WHERE last_run_id = :parent AND given_to = :run
"""
_WHOLE_RECORD = """
INSERT INTO records (run_id, number, job_key, digest, state, last_run_id, created_us, failed_us)
SELECT id, 0, job_key, 0, 'open', id, :now, :now FROM runs WHERE id = :run
ON CONFLICT DO NOTHING
"""
_WHOLE_FAILURE = """
INSERT INTO failures (run_id, number, record_id, message)
SELECT run_id, 0, id, :message FROM records WHERE run_id = :run AND number = 0
ON CONFLICT DO NOTHING
"""
_CANCELLED = """
SELECT r.id, r.retry_of, coalesce(r.reason, 'It never started.') FROM runs r
WHERE r.id = :id AND NOT EXISTS (
    SELECT 1 FROM jobs j WHERE j.key = r.job_key AND j.mode = 'continuous'
)
"""
_WHOLE_COUNT = "UPDATE runs SET errors = 1, open_records = 1 WHERE id = :run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the report file of a run says beside the failures that were taken over.

    *success* and *ignore* are counts. *errors* is how many errors it names, of which the run's
    own process has told *told* in its counts already, and *uncounted* are beyond what is kept.
    *note* says what could not be read of it.
    """

    success: int = 0
    ignore: int = 0
    errors: int = 0
    told: int = 0
    unkept: int = 0
    note: str | None = None

    def __bool__(self) -> bool:
        return bool(self.success or self.ignore or self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A run that ends: *told* are the counts that its process told on the way.

    *parent* is the run that it retries; *failure* a sentence when it did not succeed, *begun*
    whether it ever started.
    """

    run_id: int
    parent: int | None
    told: Counts
    report: Report | None
    failure: str | None
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a run has counted in the end."""

    counts: Counts = field(default_factory=Counts)
    reported: bool = False
    open_records: int = 0


ONE_SUCCESS = Tally(counts=Counts(success=1))  # of a run that reported nothing


def tally(database: Database, connection: Connection, ending: Ending, now_us: int) -> Tally:
    """Settle the records of *ending*: those it was given, and those it reported."""
    told, report = ending.told, ending.report or Report()
    reported = told != Counts() or bool(report)
    if ending.parent is None and ending.failure is None and not report.errors:
        success = told.success + report.success if reported else 1
        # A process that dies in between has told of errors whose records were never written.
        return _tally(success, told.error, told.ignore + report.ignore, reported=reported)
    resolved = 0
    if ending.parent is not None:
        resolved, returned = _settle_given(database, connection, ending, ending.parent, now_us)
        if returned:
            return Tally()
    [[failed, _]] = database.rows(connection, _FAILED, {"run": ending.run_id})
    errors = failed + report.unkept + max(0, told.error - report.told)
    # A retry that has solved all that it was given has failed, but with nothing to try again.
    if ending.failure is not None and not failed and not resolved:
        whole(database, connection, ending.run_id, ending.failure, now_us)
        failed, errors = 1, max(1, errors)
    success = max(told.success + report.success, resolved)
    if ending.failure is None and not (reported or resolved or failed):
        success = 1
    ignore = told.ignore + report.ignore
    return _tally(success, errors, ignore, reported=reported, open_records=failed)


def whole(
    database: Database, connection: Connection, run_id: int, message: str, now_us: int
) -> None:
    """Make the record that stands for a run which failed without naming one."""
    database.run(connection, _WHOLE_RECORD, {"run": run_id, "now": now_us})
    database.run(connection, _WHOLE_FAILURE, {"run": run_id, "message": message})


def never_begun(
    database: Database, connection: Connection, run_ids: Iterable[int], now_us: int
) -> None:
    """Note that these runs were ended in the queue: what a retry was given is open again.

    Every other one is a failed record. Call it when their rows say that they are done.
    """
    for run_id in run_ids:
        for run, parent, reason in database.rows(connection, _CANCELLED, {"id": run_id}):
            if parent and handing.take_back(database, connection, parent, run):
                continue
            whole(database, connection, run, reason, now_us)
            database.run(connection, _WHOLE_COUNT, {"run": run})


def _settle_given(
    database: Database, connection: Connection, ending: Ending, parent: int, now_us: int
) -> tuple[int, int]:
    """Return how many of the records that the run was given are resolved, and were given back."""
    values: dict[str, Any] = {"run": ending.run_id, "parent": parent}
    [[given]] = database.rows(connection, _GIVEN, values)
    if not given:
        return 0, 0
    if not ending.begun:
        return 0, handing.take_back(database, connection, parent, ending.run_id)
    database.run(connection, _NAMED, values | {"now": now_us})
    if ending.failure is not None:
        [[_, most]] = database.rows(connection, _FAILED, {"run": ending.run_id})
        rest = values | {"most": most, "message": ending.failure}
        database.run(connection, _FAIL_REST, rest)
        database.run(connection, _REST, values | {"now": now_us})
    moves: Sequence[Sequence[Any]] = database.rows(connection, _MOVES, values)
    # In the order of their ids: two machines must not wait for each other.
    database.many(connection, _MOVE, [{"run": run, "count": count} for run, count in moves])
    return database.run(connection, _RESOLVE, values).rowcount, 0


def _tally(
    success: int, error: int, ignore: int, *, reported: bool, open_records: int = 0
) -> Tally:
    counts = Counts(success=min(success, MOST), error=min(error, MOST), ignore=min(ignore, MOST))
    return Tally(counts=counts, reported=reported, open_records=open_records)
