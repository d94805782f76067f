"""Failed records: taken over from the reports of runs, shown, changed, given out to a retry."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from jobsched.clock import from_us
from jobsched.errors import Conflict, UnknownRecord
from jobsched.model import Record, RecordState
from jobsched.storage.database import Database
from jobsched.storage.paging import Page, cursor_after, place_of

_COLUMNS = """
r.id, r.run_id, r.number, r.job_key, r.data, r.state, r.last_run_id, r.given_to, r.attempts,
r.created_us, f.message, f.code, f.number
"""
_NUMBER, _FOUND = 12, 13
_ONE = f"""
SELECT {_COLUMNS} FROM records r
JOIN failures f ON f.record_id = r.id AND f.run_id = r.last_run_id WHERE r.id = :id
"""  # noqa: S608 - constants
# Bounded by what the data takes as well: a thousand records may have 256 KiB each.
_LIST = f"""
SELECT {_COLUMNS}, f.found FROM (
    SELECT number, record_id, message, code, count(*) OVER () AS found,
        sum(size) OVER (ORDER BY number) - size AS before
    FROM (
        SELECT f.number, f.record_id, f.message, f.code, length(coalesce(r.data, '')) AS size
        FROM failures f JOIN records r ON r.id = f.record_id
        WHERE f.run_id = :run AND f.number > :after {{}} ORDER BY f.number LIMIT :limit
    ) page
) f JOIN records r ON r.id = f.record_id
WHERE f.before < :most ORDER BY f.number
"""  # noqa: S608 - constants
_CHANGE = "UPDATE records SET data = :data, digest = :digest WHERE id = :id AND state = 'open'"
_GIVEN = """
SELECT id, data FROM (
    SELECT id, data, sum(size) OVER (ORDER BY id) - size AS before
    FROM (
        SELECT id, data, length(coalesce(data, '')) AS size FROM records
        WHERE last_run_id = :parent AND given_to = :run AND number > 0 AND id > :after
        ORDER BY id LIMIT :limit
    ) page
) sized WHERE before < :most ORDER BY id
"""
_DIGESTS = """
SELECT id, digest FROM records
WHERE last_run_id = :parent AND given_to = :run AND number > 0 AND id > :after
ORDER BY id LIMIT :limit
"""
_TAKEN = """
SELECT job_key, coalesce((SELECT max(f.number) FROM failures f WHERE f.run_id = runs.id), 0)
FROM runs WHERE id = :run AND state != 'done'
"""
_NEW = """
INSERT INTO records
    (run_id, number, job_key, data, digest, state, last_run_id, created_us, failed_us)
VALUES (:run, :number, :job_key, :data, :digest, 'open', :run, :now, :now)
ON CONFLICT DO NOTHING
"""
_NEW_FAILURE = """
INSERT INTO failures (run_id, number, record_id, message, code)
SELECT run_id, number, id, CAST(:message AS text), CAST(:code AS varchar)
FROM records WHERE run_id = :run AND number = :number
ON CONFLICT DO NOTHING
"""
_FAILURE = """
INSERT INTO failures (run_id, number, record_id, message, code)
VALUES (:run, :number, :record, :message, :code)
ON CONFLICT DO NOTHING
"""
_SOLVED = "UPDATE records SET solved = 1 WHERE id = :id AND given_to = :run"
_SURROGATES = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)
_AT_ONCE = 5000
_MOST = 4 * 2**20  # characters of data in one page, and one record more

Given = tuple[int, str | None]  # id, data as JSON
Digest = tuple[int, int]  # id, of its data


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The *number*-th error in a report; *data* is JSON text, None for null.

    *record* is the one that has failed once more; None is a new one.
    """

    number: int
    message: str
    code: str | None = None
    data: str | None = None
    record: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A part of the report of *run_id*: *failures*, and the ids of records that were *solved*."""

    run_id: int
    failures: Sequence[Failure] = ()
    solved: Sequence[int] = field(default=())


class Records:
    """The failed records of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, record_id: int) -> Record:
        """Return a record with the message of its last failure. Raises: UnknownRecord."""
        with self._database.read() as connection:
            return self._get(connection, record_id)

    def of_run(
        self, run_id: int, limit: int, cursor: str | None = None, state: RecordState | None = None
    ) -> Page[Record]:
        """Return up to *limit* of what failed in a run, in its order, as it stands now.

        They are fewer when they are so large that a page would be too long.
        """
        values: dict[str, Any] = {"run": run_id, "after": -1, "limit": limit + 1, "most": _MOST}
        if (place := place_of(cursor)) is not None:
            values["after"] = place
        query = _LIST.format("")
        if state is not None:
            query, values = _LIST.format("AND r.state = :state"), {**values, "state": state.value}
        with self._database.read() as connection:
            rows = self._database.rows(connection, query, values)
        shown = rows[:limit]
        more = bool(shown) and shown[0][_FOUND] > len(shown)
        following = cursor_after(shown[-1][_NUMBER]) if more else None
        return Page(values=[_record(row) for row in shown], next=following)

    def change_data(self, record_id: int, data: object) -> Record:
        """Give a record other *data*, for its next retry.

        Raises: UnknownRecord; Conflict unless it is open.
        """
        text = text_of(data)
        values = {"id": record_id, "data": text, "digest": digest_of(text)}
        with self._database.write() as connection:
            if not self._database.run(connection, _CHANGE, values).rowcount:
                raise not_open(self._get(connection, record_id))
            return self._get(connection, record_id)

    def given(self, parent: int, run_id: int) -> Iterator[Sequence[Given]]:
        """Yield what the run *run_id* was given of *parent*, in the order of ids, page by page.

        The record that stands for a whole run is left out: there is nothing in it.
        """
        for page in self._pages(_GIVEN, parent, run_id, _MOST):
            yield [(row[0], row[1]) for row in page]

    def given_digests(self, parent: int, run_id: int) -> Iterator[Digest]:
        """Yield the same, with the digests of their data alone."""
        for page in self._pages(_DIGESTS, parent, run_id):
            yield from ((row[0], row[1]) for row in page)

    def _pages(
        self, query: str, parent: int, run_id: int, most: int | None = None
    ) -> Iterator[Sequence[Sequence[Any]]]:
        values = {"parent": parent, "run": run_id, "after": 0, "limit": _AT_ONCE, "most": most}
        if most is None:
            del values["most"]
        while True:
            with self._database.read() as connection:
                rows = self._database.rows(connection, query, values)
            if not rows:
                return
            yield rows
            values["after"] = rows[-1][0]

    def take(self, portions: Sequence[Portion], now_us: int) -> None:
        """Take over parts of reports, all in one transaction; what is there already stays.

        The report of a run that is done is passed over.
        """
        with self._database.write() as connection:
            for portion in portions:
                self._take(connection, portion, now_us)

    def _take(self, connection: Connection, portion: Portion, now_us: int) -> None:
        run = portion.run_id
        found = self._database.rows(connection, _TAKEN, {"run": run})
        if not found:
            return
        [(job_key, taken)] = found
        fresh = [one for one in portion.failures if one.number > taken]
        new = [one for one in fresh if one.record is None]
        again = [one for one in fresh if one.record is not None]
        common = {"run": run, "job_key": job_key, "now": now_us}
        self._database.many(connection, _NEW, [{**common, **_new(one)} for one in new])
        self._database.many(connection, _NEW_FAILURE, [_failure(run, one) for one in new])
        named = [{**_failure(run, one), "record": one.record} for one in again]
        self._database.many(connection, _FAILURE, named)
        solved = [{"id": record, "run": run} for record in portion.solved]
        self._database.many(connection, _SOLVED, solved)

    def _get(self, connection: Connection, record_id: int) -> Record:
        found = self._database.rows(connection, _ONE, {"id": record_id})
        if not found:
            raise UnknownRecord(record_id)
        return _record(found[0])


def text_of(data: object) -> str | None:
    """Return *data* as the JSON text by which equal values are known; None for null."""
    if data is None:
        return None
    return _ENCODER.encode(data)


def digest_of(text: str | None) -> int:
    """Return the number by which records with the data *text* are found."""
    digest = hashlib.blake2b((text or "null").encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def not_open(record: Record) -> Conflict:
    """Return the refusal of what may only be done with an open *record*."""
    if record.state is RecordState.RETRYING:
        why = f"is being retried by run {record.given_to}"
    else:
        why = "has been resolved"
    return Conflict(f"Record {record.id} {why}.", record=record.id)


def _new(failure: Failure) -> dict[str, Any]:
    digest = digest_of(failure.data)
    return {"number": failure.number, "data": failure.data, "digest": digest}


def _failure(run_id: int, failure: Failure) -> dict[str, Any]:
    return {
        "run": run_id,
        "number": failure.number,
        "message": failure.message,
        "code": failure.code,
    }


def _shown(data: str) -> object:
    """Return the value in JSON text; what is no text (names of files) cannot be shown as it is."""
    value = json.loads(data)
    if "\\ud" not in data:
        return value
    return json.loads(_SURROGATES.sub("\ufffd", json.dumps(value, ensure_ascii=False)))


def _record(row: Sequence[Any]) -> Record:
    id_, run, number, job_key, data, state, last, given, attempts, created, message, code, *_ = row
    return Record(
        id=id_,
        run_id=run,
        number=number,
        job_key=job_key,
        message=message,
        code=code,
        data=None if data is None else _shown(data),
        state=RecordState(state),
        last_run_id=last,
        given_to=given,
        attempts=attempts,
        created_at=from_us(created),
    )
