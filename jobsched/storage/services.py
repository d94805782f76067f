"""Continuous jobs on their machines: where each stands, its one living run, its right to run.

The row of a service and the row of its run are written in one transaction, and ``run_id`` is set
only where it was null: so no crash leaves two of its runs alive on a machine, or an end without
what follows from it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select

from jobsched.clock import SECOND
from jobsched.model import EndedBy, Job, ServiceState
from jobsched.storage import servicing, settling, stops
from jobsched.storage.claims import Claim
from jobsched.storage.database import Database
from jobsched.storage.leases import clock_of
from jobsched.storage.rows import JOB_COLUMNS, job_from
from jobsched.storage.servicing import Leave, Wish
from jobsched.storage.settling import Settled, Settlement
from jobsched.storage.tables import services

_COLUMNS = "job_key, node, state, run_id, since_us, next_try_us, exits, restarts, version"
_JOB = ", ".join(f"j.{column.name}" for column in JOB_COLUMNS)
# Literal words, or SQLite would not use the index over continuous jobs.
_HELD = "(:held = 1 AND j.task = 'WebJob')"
_WANTED = f"""
SELECT {_JOB} FROM jobs j
LEFT JOIN services s ON s.job_key = j.key AND s.node = :node
LEFT JOIN leases l ON s.state = 'inactive' AND l.name = 'service:' || j.key
WHERE j.mode = 'continuous' AND j.state = 'active' AND NOT {_HELD} AND (
    s.state IS NULL OR s.state = 'stopped' OR s.version != j.version
    OR (s.state = 'waiting' AND s.next_try_us <= :now)
    OR (s.state = 'inactive' AND (l.name IS NULL OR l.expires_us <= :now OR l.owner = :node))
)
"""  # noqa: S608 - constants
_UNWANTED = f"""
SELECT s.job_key FROM services s JOIN jobs j ON j.key = s.job_key
WHERE s.node = :node AND (
    (s.state IN ('starting', 'running', 'waiting', 'inactive')
        AND (j.mode != 'continuous' OR j.state != 'active' OR {_HELD}))
    OR (s.state = 'stopped' AND j.state = 'deleted')
)
"""  # noqa: S608 - constants
_OF_NODE = f"SELECT {_COLUMNS} FROM services WHERE node = :node"  # noqa: S608 - a constant
_PUT = f"""
INSERT INTO services ({_COLUMNS}, updated_us)
VALUES (:job_key, :node, :state, :run_id, :since_us, :next_try_us, :exits, :restarts, :version,
    :now)
ON CONFLICT (job_key, node) DO UPDATE
SET state = excluded.state, since_us = excluded.since_us, next_try_us = excluded.next_try_us,
    exits = excluded.exits, restarts = excluded.restarts, version = excluded.version,
    updated_us = excluded.updated_us
"""  # noqa: S608 - constants
_STARTED = """
UPDATE services SET state = CASE state WHEN 'stopping' THEN state ELSE 'running' END,
    since_us = :started_us, next_try_us = NULL, updated_us = :started_us
WHERE job_key = :job_key AND node = :node AND run_id = :run_id
"""
_FORGET = "DELETE FROM services WHERE job_key = :job_key AND node = :node AND run_id IS NULL"
_STRANGERS = """
DELETE FROM services WHERE run_id IS NULL AND node != :node
AND node NOT IN (SELECT name FROM nodes WHERE heartbeat_us >= :before)
"""
_OVER = """
UPDATE services SET state = 'stopped', run_id = NULL, next_try_us = NULL
WHERE node = :node AND run_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = services.run_id AND r.state != 'done')
"""
_RENEW = """
UPDATE leases SET expires_us = :expires
WHERE name = :name AND owner = :node AND epoch = :epoch
"""
_STILL_OURS = """
SELECT 1 FROM leases WHERE name = :name AND owner = :node AND epoch = :epoch
"""
_STATES = """
SELECT s.state, count(*) FROM services s JOIN jobs j ON j.key = s.job_key
WHERE j.state != 'deleted' GROUP BY s.state
"""
_OF_JOBS = (
    select(*(services.c[name] for name in _COLUMNS.split(", ")))
    .where(services.c.job_key.in_(bindparam("keys", expanding=True)))
    .order_by(services.c.job_key, services.c.node)
)
Follow = Callable[[set[int], list[Claim]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A continuous job on one machine. *run_id* is its run that is not done, None without.

    *since_us* is since when it is in its state, *next_try_us* when it is started again, *exits*
    how often in a row it ended soon after its start, *restarts* how often it has been started
    again since somebody wanted it, *version* that of the job when it was last looked at.
    """

    job_key: int
    node: str
    state: ServiceState = ServiceState.STOPPED
    run_id: int | None = None
    since_us: int = 0
    next_try_us: int | None = None
    exits: int = 0
    restarts: int = 0
    version: int = 0


class Services:
    """What supervisors write about the continuous jobs of their machines, and others read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_node(self, node: str) -> list[Service]:
        """Return every service that has a row on *node*."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _OF_NODE, {"node": node})
        return [_service(row) for row in rows]

    def of_jobs(self, keys: Iterable[int]) -> dict[int, list[Service]]:
        """Return the services of the jobs with these numbers, by machine; others are absent."""
        with self._database.read() as connection:
            rows = connection.execute(_OF_JOBS, {"keys": [*keys]}).all()
        found: dict[int, list[Service]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(_service(row))
        return found

    def states(self) -> Counter[ServiceState]:
        """Return how many services are in each state, over all machines."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _STATES)
        return Counter({ServiceState(state): count for state, count in rows})

    def differences(
        self, node: str, now_us: int, *, webjobs_stopped: bool = False
    ) -> tuple[list[Job], list[int]]:
        """Compare what shall run on *node* with what does.

        Returns: the jobs that shall run but do not, or have been changed since; and the numbers
        of those that shall not but do.

        With *webjobs_stopped* no web job is wanted (WEBJOBS_STOPPED).
        """
        values = {"node": node, "now": now_us, "held": int(webjobs_stopped)}
        with self._database.read() as connection:
            wanted = self._database.rows(connection, _WANTED, values)
            unwanted = self._database.rows(
                connection, _UNWANTED, {"node": node, "held": values["held"]}
            )
        return [job_from(row) for row in wanted], [key for (key,) in unwanted]

    def begin(self, wishes: Sequence[Wish], now_us: int) -> list[Claim]:
        """Make and claim one run for each of *wishes* whose job shall run and has none here.

        Returns: the runs, which no runner knows yet.
        """
        with self._database.write() as connection:
            return servicing.begin(self._database, connection, wishes, now_us)

    def again(self, service: Service, runner: str, boot_id: str) -> Claim | None:
        """Claim once more the run of *service* that no runner could start; None if it is over."""
        with self._database.write() as connection:
            return servicing.claim_again(
                self._database, connection, service.run_id, runner, boot_id
            )

    def settle(
        self,
        ends: Sequence[Settlement],
        leaves: Sequence[Leave],
        now_us: int,
        follow: Follow | None = None,
    ) -> list[Settled]:
        """Settle *ends*, and in the same transaction what follows for the services among them.

        *follow* is called with the ids of the runs that are over and the new runs of what starts
        again, once others see them but while the disk is still busy: nobody waits for the disk
        with a restart. A power cut that loses these rows ends their processes too.

        Returns: what :meth:`Claims.settle` returns; it is on the disk.
        """
        settled: list[Settled] = []
        claims: list[Claim] = []
        visible = partial(_tell, follow, settled, claims)
        with self._database.write_early(visible) as connection:
            settled += settling.settle(self._database, connection, ends, now_us)
            over = {one.run.id for one in settled}
            left = [leave for leave in leaves if leave.run_id in over]
            claims += servicing.leave(self._database, connection, left, now_us)
        return settled

    def started(self, node: str, starts: Sequence[tuple[int, int, int]]) -> None:
        """Note that services run: (job number, run id, microseconds) each."""
        rows = [
            {"job_key": key, "node": node, "run_id": run_id, "started_us": started_us}
            for key, run_id, started_us in starts
        ]
        with self._database.write() as connection:
            self._database.many(connection, _STARTED, rows)

    def put(self, rows: Sequence[Service], now_us: int) -> None:
        """Write where services stand; which run is theirs stays as it is."""
        with self._database.write() as connection:
            self._put(connection, rows, now_us)

    def stop(self, service: Service, ended_by: EndedBy, reason: str, now_us: int) -> None:
        """Ask for the end of the run of *service*, and write where that leaves the service."""
        with self._database.write() as connection:
            if service.run_id is not None:
                run_id = service.run_id
                stops.stop(self._database, connection, run_id, ended_by, reason, now_us)
            self._put(connection, [service], now_us)

    def forget(self, node: str, job_key: int) -> None:
        """Remove a service that has no run any more."""
        with self._database.write() as connection:
            self._database.run(connection, _FORGET, {"job_key": job_key, "node": node})

    def tidy(self, node: str, before_us: int) -> None:
        """Put rows right before a supervisor of *node* begins.

        What machines have left that were last heard of *before_us* goes; what the rows say to run
        there stays, for nobody knows that it does not. A service of *node* whose run is over rests.
        """
        with self._database.write() as connection:
            self._database.run(connection, _STRANGERS, {"node": node, "before": before_us})
            self._database.run(connection, _OVER, {"node": node})

    def renew(
        self, node: str, epochs: Mapping[int, int], seconds: float, now_us: int | None = None
    ) -> set[int]:
        """Hold the rights of *node* to run these singletons for *seconds* from now.

        *epochs* has the epoch of each right by its job's number. Returns: those still held.
        """
        rows = [{"name": lease_of(k), "node": node, "epoch": e} for k, e in epochs.items()]
        with self._database.write() as connection:
            now = clock_of(self._database, connection, now_us)
            expires = now + round(seconds * SECOND)
            self._database.many(connection, _RENEW, [{**row, "expires": expires} for row in rows])
            ours = [self._database.run(connection, _STILL_OURS, row).scalar() for row in rows]
        return {key for key, held in zip(epochs, ours, strict=True) if held}

    def _put(self, connection: Connection, rows: Sequence[Service], now_us: int) -> None:
        values = [
            {**{name: getattr(row, name) for name in _COLUMNS.split(", ")}, "now": now_us}
            for row in rows
        ]
        for value in values:
            value["state"] = value["state"].value
        self._database.many(connection, _PUT, values)


def _tell(follow: Follow | None, settled: list[Settled], claims: list[Claim]) -> None:
    if follow is not None:
        follow({one.run.id for one in settled}, claims)


def lease_of(job_key: int) -> str:
    """Return the name of the right to run a singleton."""
    return f"service:{job_key}"


def _service(row: Sequence[Any]) -> Service:
    key, node, state, run_id, since_us, next_try_us, exits, restarts, version = row
    return Service(
        job_key=key,
        node=node,
        state=ServiceState(state),
        run_id=run_id,
        since_us=since_us,
        next_try_us=next_try_us,
        exits=exits,
        restarts=restarts,
        version=version,
    )


__all__ = ["Leave", "Service", "Services", "Wish", "lease_of"]
