"""A job as it is looked at: with its newest run, and how many run and wait, in one query."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select

from jobsched.model import Job, Run
from jobsched.storage.database import Database
from jobsched.storage.rows import JOB_COLUMNS, RUN_COLUMNS, job_from, run_from
from jobsched.storage.tables import jobs, runs

_newest, _alive = runs.alias("newest"), runs.alias("alive")


def _living(state: str) -> ColumnElement[int]:
    """Return how many runs of a job have a *state* such as ``= 'queued'`` and are not done."""
    # The second condition is what lets the index over living runs serve the first.
    text = f"alive.state {state} AND alive.state != 'done'"
    condition: ColumnElement[bool] = literal_column(text)
    mine = _alive.c.job_key == jobs.c.key
    return select(func.count()).select_from(_alive).where(mine, condition).scalar_subquery()


_listed: ColumnElement[bool] = literal_column("jobs.state != 'deleted'")
_last = select(func.max(_newest.c.id)).where(_newest.c.job_key == jobs.c.key).scalar_subquery()
# Text, made once: building and compiling a query costs more than this one takes.
_ONE = str(
    select(*JOB_COLUMNS, _living("= 'queued'"), _living("!= 'queued'"), *RUN_COLUMNS)
    .select_from(jobs.outerjoin(runs, runs.c.id == _last))
    .where(jobs.c.id == bindparam("id"), _listed)
)
_COUNTS = len(JOB_COLUMNS)


class Sight(NamedTuple):
    """A job, its newest run, and how many of its runs wait and live."""

    job: Job
    last_run: Run | None
    queued: int
    running: int


def look_at(database: Database, job_id: str) -> Sight | None:
    """Return the job with the uuid *job_id* as it is now, None when it is not on the list."""
    with database.read() as connection:
        row = database.run(connection, _ONE, {"id": job_id}).first()
    if row is None:
        return None
    queued, running, *run = row[_COUNTS:]
    return Sight(
        job=job_from(row),
        last_run=None if run[0] is None else run_from(run),
        queued=queued,
        running=running,
    )
