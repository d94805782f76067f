"""Jobs in the order in which the scheduler will look at them, and their runs that are alive."""

from typing import NamedTuple

from jobsched.storage.database import Database

# A job is looked at for its next moment or, when paused, for the end of its pause.
_PLANNED = """
SELECT key, id, name, next_us, state, trigger, max_instances FROM jobs
WHERE {place} AND next_us IS NOT NULL AND next_us <= :until
    AND state IN ('active', 'paused') AND mode = 'scheduled' AND trigger IS NOT NULL
ORDER BY next_us, key LIMIT :most
"""
_AFTER = _PLANNED.format(place="(next_us, key) > (:after_us, :after_key)")
_AT = """
SELECT key, id, name, next_us, state, trigger, max_instances FROM jobs
WHERE next_us = :at AND key > :after_key AND state = 'paused' AND mode = 'scheduled'
    AND trigger IS NOT NULL
"""
_COUNT = """
SELECT count(*) FROM jobs
WHERE next_us = :at AND key > :after_key AND state = 'active' AND mode = 'scheduled'
    AND trigger IS NOT NULL
"""
_ALIVE = """
SELECT r.job_key, r.started_us, j.max_instances, j.next_us, j.state
FROM runs r JOIN jobs j ON j.key = r.job_key WHERE r.state != 'done'
"""


class Planned(NamedTuple):
    """A job that will be looked at; *trigger* is its stored text. Compares by its number."""

    key: int
    id: str
    name: str
    next_us: int
    state: str
    trigger: str
    max_instances: int


class Alive(NamedTuple):
    """A run of a job that is not done; *started_us* is None while it waits."""

    job_key: int
    started_us: int | None
    max_instances: int
    next_us: int | None
    state: str


def planned(database: Database, after: tuple[int, int], until_us: int, most: int) -> list[Planned]:
    """Return up to *most* jobs that are looked at until *until_us*, by time and number.

    *after* is the time and the number of the last one known.
    """
    values = {"after_us": after[0], "after_key": after[1], "until": until_us, "most": most}
    with database.read() as connection:
        return [Planned(*row) for row in database.run(connection, _AFTER, values)]


def planned_at(database: Database, at_us: int, after_key: int) -> tuple[int, list[Planned]]:
    """Return how many active jobs with higher numbers are due at *at_us*, and the paused ones."""
    values = {"at": at_us, "after_key": after_key}
    with database.read() as connection:
        count = int(database.run(connection, _COUNT, values).scalar_one())
        paused = [Planned(*row) for row in database.run(connection, _AT, values)]
    return count, paused


def alive(database: Database) -> list[Alive]:
    """Return the runs of jobs that wait or live."""
    with database.read() as connection:
        return [Alive(*row) for row in database.run(connection, _ALIVE)]
