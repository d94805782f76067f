"""How long runs of jobs usually take, by what is kept of their past runs."""

import json
import math
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from jobsched.storage.database import Database
from jobsched.storage.folding import QUANTILES

NEWEST = 30  # runs that count
_SHARE = 0.95
_KEYS = {
    "sqlite": "SELECT value AS key FROM json_each(:keys)",
    "postgresql": "SELECT unnest(CAST(:keys AS bigint[])) AS key",
}
_JOINED = {
    "sqlite": "group_concat(r.lasted)",
    "postgresql": "string_agg(CAST(r.lasted AS text), ',')",
}
_RUNS = """
SELECT k.key, (
    SELECT {joined} FROM (
        SELECT ended_us - started_us AS lasted FROM runs
        WHERE job_key = k.key AND state = 'done'
            AND started_us IS NOT NULL AND ended_us IS NOT NULL
        ORDER BY id DESC LIMIT :newest
    ) r
) FROM ({keys}) k
"""
_DAYS = """
SELECT k.key, (
    SELECT duration_quantiles FROM day_counts
    WHERE job_key = k.key AND duration_quantiles IS NOT NULL ORDER BY day DESC LIMIT 1
) FROM ({keys}) k
"""


def p95_of_jobs(database: Database, keys: Iterable[int]) -> dict[int, int]:
    """Return the time that 95 of 100 runs of each job did not exceed, in microseconds.

    It is that of a job's newest runs; when none is kept any more, that of the newest day of
    which counts are left. Jobs without either are absent.
    """
    wanted = {*keys}
    with database.read() as connection:
        texts = _ask(database, connection, _RUNS, wanted)
        days = _ask(database, connection, _DAYS, wanted - texts.keys())
    place = QUANTILES.index(_SHARE)
    found = {key: json.loads(text)[place] for key, text in days.items()}
    return found | {key: _p95(map(int, text.split(","))) for key, text in texts.items()}


def _ask(
    database: Database, connection: Connection, statement: str, keys: Iterable[int]
) -> Mapping[int, str]:
    """Return the texts that *statement* finds for *keys*."""
    listed = str([*keys])
    if listed == "[]":
        return {}
    if not database.is_sqlite:
        listed = "{" + listed[1:-1] + "}"
    dialect = database.dialect
    text = statement.format(keys=_KEYS[dialect], joined=_JOINED[dialect])
    values = {"keys": listed, "newest": NEWEST}
    return {key: found for key, found in database.run(connection, text, values) if found}


def _p95(durations: Iterable[int]) -> int:
    ordered = sorted(durations)
    return ordered[math.ceil(_SHARE * len(ordered)) - 1]
