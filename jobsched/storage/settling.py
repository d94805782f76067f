"""How runs ended, into the rows: facts, small outputs and automatic retries in one go."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text

from jobsched.clock import SECOND
from jobsched.model import (
    Counts,
    End,
    EndedBy,
    JobState,
    Mode,
    Outcome,
    Run,
    RunState,
    may_retry,
    outcome_of,
    retry_delay,
)
from jobsched.storage import happenings
from jobsched.storage.database import Database
from jobsched.storage.newruns import NewRetry, insert_retry
from jobsched.storage.rows import BEFORE_END, CLAIM, RUN_COLUMNS, run_from, select_runs
from jobsched.storage.tables import jobs, runs
from jobsched.storage.tallies import ONE_SUCCESS, Ending, Report, Tally, tally
from jobsched.storage.texts import policy_from_text

_SETTLE = """
UPDATE runs SET state = 'done', started_us = :started_us, ended_us = :ended_us,
    exit_code = :exit_code, signal = :signal, ended_by = :ended_by, reason = :reason,
    successes = :successes, errors = :errors, ignores = :ignores, cpu_us = :cpu_us,
    peak_bytes = :peak_bytes, out_bytes = :out_bytes, err_bytes = :err_bytes,
    reported = :reported, open_records = :open_records
WHERE id = :id
"""
_OUTPUT = """
INSERT INTO outputs (run_id, out, err, chunks) VALUES (:run_id, :out, :err, :chunks)
ON CONFLICT (run_id) DO UPDATE SET out = excluded.out, err = excluded.err, chunks = excluded.chunks
"""
_ROWS = select_runs(runs.c.stop_by, runs.c.stop_reason, jobs.c.state, jobs.c.mode)
_ENDING = _ROWS.where(runs.c.id.in_(bindparam("ids", expanding=True))).with_for_update(of=runs)
_ENDING_SQLITE = _ROWS.where(runs.c.id.in_(text("SELECT value FROM json_each(:ids)")))
_STATE, _STARTED, _COUNTS = BEFORE_END, BEFORE_END + 1, BEFORE_END + 7
_TASK, _POLICY, _ATTEMPT, _RETRY_OF = 4, 8, 13, 15
_WRAPPED = "wrapped"
_DONE, _OPEN = RunState.DONE.value, -1
_STOP_BY, _STOP_REASON, _JOB_STATE, _MODE = (len(RUN_COLUMNS) + number for number in range(4))

AnyRow = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The *end* of a run and what it wrote, where that is short enough for the database.

    *chunks* tells in which order the two streams were written: "o12e5o3". *report* is what its
    report file says, whose failures have been taken over; None when there is no such file.
    """

    end: End
    out: bytes | None = None
    err: bytes | None = None
    chunks: str | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A *run* that is done, and the run that retries it."""

    run: Run
    retry_run_id: int | None


def settle(
    database: Database, connection: Connection, ends: Sequence[Settlement], now_us: int
) -> list[Settled]:
    """Settle *ends* inside the caller's transaction; return those that were not settled yet."""
    found = _open_rows(database, connection, ends)
    facts = [_facts(database, connection, row, item, now_us) for row, item in found]
    database.many(connection, _SETTLE, facts)
    database.many(connection, _OUTPUT, [_output(item) for _, item in found if _wrote(item)])
    happenings.note_ends(database, connection, [row[0] for row, _ in found], now_us)
    retries = [
        _retry(database, connection, row, item.end, now_us) if _may_repeat(row, ended) else None
        for (row, item), ended in zip(found, facts, strict=True)
    ]
    return [
        Settled(run=_done(row, ended, retry), retry_run_id=retry)
        for (row, _), ended, retry in zip(found, facts, retries, strict=True)
    ]


def _open_rows(
    database: Database, connection: Connection, ends: Sequence[Settlement]
) -> list[tuple[AnyRow, Settlement]]:
    """Return each end with its run, where that claim of it has not ended yet."""
    ids = [item.end.run_id for item in ends]
    rows: Sequence[AnyRow] = (
        database.rows(connection, _ENDING_SQLITE, {"ids": json.dumps(ids)})
        if database.is_sqlite
        else connection.execute(_ENDING, {"ids": ids}).all()
    )
    waiting = {(row[0], row[CLAIM]): row for row in rows if row[_STATE] != _DONE}
    found = []
    for item in ends:
        row = waiting.pop((item.end.run_id, item.end.claim), None)
        if row is not None:
            found.append((row, item))
    return found


def _facts(
    database: Database, connection: Connection, row: AnyRow, item: Settlement, now_us: int
) -> dict[str, Any]:
    """Return what the end says, in the order of RUN_COLUMNS from BEFORE_END on."""
    end = item.end
    ended_by, reason = _cause(row, item)
    counted = _counted(database, connection, row, item, now_us)
    return {
        "started_us": row[_STARTED] if end.started_us is None else end.started_us,
        "ended_us": end.ended_us or now_us,
        "exit_code": end.exit_code,
        "signal": end.signal,
        "ended_by": ended_by,
        "reason": reason,
        "successes": counted.counts.success,
        "errors": counted.counts.error,
        "ignores": counted.counts.ignore,
        "cpu_us": end.cpu_us,
        "peak_bytes": end.peak_bytes,
        "out_bytes": end.out_bytes,
        "err_bytes": end.err_bytes,
        "reported": int(counted.reported),
        "open_records": counted.open_records,
        "id": row[0],
    }


def _counted(
    database: Database, connection: Connection, row: AnyRow, item: Settlement, now_us: int
) -> Tally:
    """Return what the run has counted, and settle its records; a service has none."""
    end = item.end
    if _is_plain(row, item):
        return ONE_SUCCESS
    successes, errors, ignores = row[_COUNTS : _COUNTS + 3]
    # Both are totals: what was reported on the way, and what the runner counted.
    told = Counts(
        success=max(successes, end.counts.success),
        error=max(errors, end.counts.error),
        ignore=max(ignores, end.counts.ignore),
    )
    if row[_MODE] == Mode.CONTINUOUS.value:
        return Tally(counts=told, reported=told != Counts())
    if row[_TASK] == _WRAPPED:  # nothing here can do it again, so nothing is open
        well = _outcome(end) is Outcome.SUCCEEDED
        return Tally(counts=Counts(success=int(well), error=int(not well)))
    ending = Ending(
        run_id=row[0],
        parent=row[_RETRY_OF],
        told=told,
        report=item.report,
        failure=_failure(row, item),
        begun=end.started_us is not None or row[_STARTED] is not None or _tried(end),
    )
    return tally(database, connection, ending, now_us)


def _is_plain(row: AnyRow, item: Settlement) -> bool:
    """Return whether a run just succeeded: nothing was reported, nothing was to be tried again."""
    end = item.end
    succeeded = end.ended_by is EndedBy.EXIT and end.exit_code == 0
    silent = item.report is None and not any(row[_COUNTS : _COUNTS + 3]) and not end.counts
    alone = row[_RETRY_OF] is None and row[_MODE] != Mode.CONTINUOUS.value
    return succeeded and silent and alone


def _tried(end: End) -> bool:
    """Return whether it was tried to start a run: it was not just stopped before."""
    return _outcome(end) is not Outcome.STOPPED


def _failure(row: AnyRow, item: Settlement) -> str | None:
    """Return a sentence about a run that has not succeeded, None if it has."""
    end = item.end
    if _outcome(end) is Outcome.SUCCEEDED:
        return None
    ended_by, reason = _cause(row, item)
    if reason:
        return reason
    if end.signal is not None:
        return f"It was ended by signal {end.signal}."
    return (
        f"Its exit code was {end.exit_code}."
        if ended_by == EndedBy.EXIT
        else f"It ended: {ended_by}."
    )


def _cause(row: AnyRow, item: Settlement) -> tuple[str, str | None]:
    """Return who ended the run, and why: the one who asked, if it was indeed stopped."""
    end, stop_by = item.end, row[_STOP_BY]
    ended_by, reason = end.ended_by.value, end.reason
    if stop_by is not None and _outcome(end) is Outcome.STOPPED:
        ended_by, reason = stop_by, row[_STOP_REASON] or end.reason
    if item.report is not None and item.report.note:
        reason = f"{reason} {item.report.note}" if reason else item.report.note
    return ended_by, reason


def _outcome(end: End) -> Outcome:
    return outcome_of(end.ended_by, end.exit_code)


def _may_repeat(row: AnyRow, ended: dict[str, Any]) -> bool:
    """Return whether there is something to try again: not after a retry that has solved all."""
    return row[_RETRY_OF] is None or ended["open_records"] > 0


def _retry(
    database: Database, connection: Connection, row: AnyRow, end: End, now_us: int
) -> int | None:
    """Queue the next attempt where the policy wants one and nobody wanted the run to end."""
    if row[_TASK] == _WRAPPED or (end.ended_by is EndedBy.EXIT and end.exit_code == 0):
        return None
    policy, attempt = policy_from_text(row[_POLICY]), row[_ATTEMPT]
    unwanted = row[_STOP_BY] is not None or row[_JOB_STATE] == JobState.DELETED.value
    if unwanted or not may_retry(policy, end, attempt):
        return None
    delay = retry_delay(policy.retries, attempt)
    later = now_us + round(delay * SECOND)
    new = NewRetry(run_id=row[0], created_us=now_us, not_before_us=later)
    return insert_retry(database, connection, new)


def _done(row: AnyRow, facts: dict[str, Any], retry: int | None) -> Run:
    ended = [*facts.values()][:-1]
    if retry is not None:
        ended[_OPEN] = 0  # all of it was given to the retry
    return run_from((*row[:BEFORE_END], _DONE, *ended, retry))


def _wrote(item: Settlement) -> bool:
    return bool(item.out or item.err)


def _output(item: Settlement) -> dict[str, Any]:
    return {
        "run_id": item.end.run_id,
        "out": item.out or None,
        "err": item.err or None,
        "chunks": item.chunks if item.out and item.err else None,
    }
