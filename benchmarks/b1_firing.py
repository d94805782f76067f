"""B1: so many jobs due at one second, fired and committed; how near to a bare loop?

Once with intervals, once with cron expressions by the clock of a zone.

The reference is a batched UPDATE and two INSERTs on the same database with the same tables,
indexes and durability, its values ready beforehand. Run with ``python -m benchmarks.b1_firing``;
PostgreSQL is measured when JOBSCHED_TEST_POSTGRESQL names a server.
"""

import argparse
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from benchmarks.driver import Figure, alternate, show
from jobsched.clock import SECOND
from jobsched.scheduling.cycle import Cycle
from jobsched.storage import Store
from jobsched.storage.decisions import Lease
from jobsched.storage.fires import number_array
from jobsched.storage.firing import LEASE

BATCH = 1000
NOON = 1_700_000_000 * SECOND
MINUTE = 60 * SECOND
TRIGGERS = {  # with what each has to reach; both are due at 22:13:20
    "interval": ('{"interval":{"minutes":1},"start":"2023-11-14T22:13:20Z","timezone":"UTC"}', 0.8),
    "cron": ('{"cron":"20 * * * * *","timezone":"Europe/Berlin"}', 0.5),
}
JOB = (
    "INSERT INTO jobs (id, name, task, mode, state, next_us, trigger, created_us, updated_us)"
    " VALUES (?, 'backup', 'example', 'scheduled', 'active', ?, ?, ?, ?)"
)
# The bare loop in the fastest way of each driver: executemany, and arrays in one statement.
BARE = {
    "sqlite": (
        "UPDATE jobs SET next_us = ? WHERE key = ?",
        (
            "INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us)"
            " VALUES (?, ?, 'ran', ?, ?)"
        ),
        (
            "INSERT INTO runs (id, job_key, name, task, state, queue, priority, due_us, created_us)"
            " VALUES (?, ?, 'backup', 'example', 'queued', 'default', 0, ?, ?)"
        ),
    ),
    "postgresql": (
        (
            "UPDATE jobs SET next_us = f.next_us"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS f (next_us, key) WHERE jobs.key = f.key"
        ),
        (
            "INSERT INTO occurrences (job_key, due_us, outcome, run_id, late_us)"
            " SELECT f.key, f.due_us, 'ran', f.run_id, f.late_us"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS f (key, due_us, run_id, late_us)"
        ),
        (
            "INSERT INTO runs (id, job_key, name, task, state, queue, priority, due_us, created_us)"
            " SELECT f.id, f.key, 'backup', 'example', 'queued', 'default', 0, f.due_us, f.now_us"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS f (id, key, due_us, now_us)"
        ),
    ),
}


class Bench:
    """One database with *jobs* jobs, all due each minute."""

    def __init__(self, url: str, jobs: int) -> None:
        self.store = Store.open(url, migrate=True)
        self.jobs = jobs
        self.now = NOON
        with self.store.database.write() as connection:
            rows = [(f"{i:036d}", NOON + MINUTE, None, NOON, NOON) for i in range(jobs)]
            connection.exec_driver_sql(self._text(JOB), rows)
            connection.exec_driver_sql("ANALYZE")
        epoch = self.store.leases.take(LEASE, "bench", 3600)
        self.lease = Lease(owner="bench", epoch=epoch or 0)
        self.cycle = Cycle(self.store, lambda topic: None, lambda: self.now)

    def schedule(self, trigger: str) -> None:
        """Give all jobs another trigger of the same moments."""
        with self.store.database.write() as connection:
            text = self._text("UPDATE jobs SET trigger = ?, version = version + 1")
            connection.exec_driver_sql(text, (trigger,))

    def ours(self) -> float:
        """Fire every job once with the cycle; return fires per second, without its pauses."""
        self._next_minute()
        return self._timed(
            lambda: [self.cycle.look(self.lease) for _ in range(-(-self.jobs // BATCH))]
        )

    def bare(self) -> float:
        """Write the same rows in a bare loop; return fires per second."""
        self._next_minute()
        batches = [
            range(start, min(start + BATCH, self.jobs)) for start in range(0, self.jobs, BATCH)
        ]
        ready = [self._rows(batch) for batch in batches]
        return self._timed(lambda: [*map(self._write, ready)])

    def _rows(self, batch: range) -> tuple[list[tuple[int, ...]], ...]:
        due, now, first = self.now - self.now % SECOND, self.now, self.jobs
        return (
            [(due + MINUTE, i + 1) for i in batch],
            [(i + 1, due, first + i, now - due) for i in batch],
            [(first + i, i + 1, due, now) for i in batch],
        )

    def _write(self, rows: tuple[list[tuple[int, ...]], ...]) -> None:
        database = self.store.database
        with database.write() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            for text, values in zip(BARE[database.dialect], rows, strict=True):
                if database.is_sqlite:
                    driver.executemany(text, values)
                else:
                    driver.execute(text, [*map(number_array, zip(*values, strict=True))])

    def _timed(self, work: Callable[[], object]) -> float:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        self._check()
        return self.jobs / seconds

    def _next_minute(self) -> None:
        """Let all jobs be due again, with no run alive, on a database as large as before."""
        with self.store.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM runs")
            connection.exec_driver_sql("DELETE FROM occurrences")
        self.store.database.checkpoint()
        self.now += MINUTE + 5000
        self.now -= self.now % SECOND - 5000

    def _check(self) -> None:
        """See that each job has a run, an entry and its next moment."""
        with self.store.database.read() as connection:
            for table in ("runs", "occurrences", f"jobs WHERE next_us > {self.now}"):
                count = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()  # noqa: S608
                assert count == self.jobs, (table, count)

    def _text(self, text: str) -> str:
        return text if self.store.database.is_sqlite else text.replace("?", "%s")


class NoExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler is untyped
    """Takes jobs and does nothing with them."""

    def submit_job(self, job: object, run_times: object) -> None:
        del job, run_times

    def _do_submit_job(self, job: object, run_times: object) -> None:
        del job, run_times


STOCK: dict[str, dict[str, int]] = {"interval": {"minutes": 1}, "cron": {"second": 20}}


def stock(url: str, kind: str, jobs: int) -> float:
    """Return how many jobs per second APScheduler with its SQLAlchemyJobStore moves on."""
    if not jobs:
        return 0.0
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_jobstore(SQLAlchemyJobStore(url=url, tablename="stock_jobs"))
    scheduler.add_executor(NoExecutor())
    scheduler.start(paused=True)
    due = datetime.now(UTC) - timedelta(seconds=0.5)
    for _ in range(jobs):
        scheduler.add_job(print, kind, **STOCK[kind], next_run_time=due, misfire_grace_time=60)
    scheduler.state = 1  # running, without the thread's help
    started = time.perf_counter()
    scheduler._process_jobs()  # noqa: SLF001 - one round, timed
    seconds = time.perf_counter() - started
    scheduler.remove_all_jobs()
    scheduler.shutdown()
    return jobs / seconds


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Give the urls of an empty database of each kind that is there."""
    with tempfile.TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{folder}/jobsched.db"}
        server = os.environ.get("JOBSCHED_TEST_POSTGRESQL")
        if not server:
            yield urls
            return
        schema = f"jobsched_bench_{secrets.token_hex(6)}"
        engine = create_engine(server)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        try:
            url = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
            yield urls | {"PostgreSQL": url.render_as_string(hide_password=False)}
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
            engine.dispose()


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stock-jobs", type=int, default=1_000, help="0 leaves APScheduler out")
    options = parser.parse_args()
    figures = []
    with databases() as urls:
        for name, url in urls.items():
            bench = Bench(url, options.jobs)
            for kind, (trigger, target) in TRIGGERS.items():
                bench.schedule(trigger)
                rate, reference = alternate(options.rounds, bench.ours, bench.bare)
                peers = {"APScheduler": stock(url, kind, options.stock_jobs)}
                figures.append(
                    Figure(
                        workload=f"B1 {kind}, {name}",
                        unit="fires",
                        rate=rate,
                        reference=reference,
                        target=target,
                        peers=peers if options.stock_jobs else {},
                    )
                )
            bench.store.close()
    show(figures)


if __name__ == "__main__":
    main()
