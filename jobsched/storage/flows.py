"""Runs of flows: what the caller gave with one, lists of them, the line of their retries.

Every run can be looked at so; those that were not asked for as a flow's have no references of
their own. A hidden one has been deleted while it lived.
"""

import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select

from jobsched.model import Run
from jobsched.storage.database import Database
from jobsched.storage.flowfilters import NOT_HIDDEN, FlowFilter, flow_conditions
from jobsched.storage.newruns import NewRun
from jobsched.storage.paging import Page, page_of, place_of
from jobsched.storage.rows import RUN_COLUMNS, run_from
from jobsched.storage.runs import enqueue
from jobsched.storage.tables import flow_runs, jobs, runs

_F = flow_runs.c
_COLUMNS = (
    _F.type, _F.flow_id, _F.integration_id, _F.export_id, _F.import_id, _F.flow_run_id,
)  # fmt: skip
_JOINED = runs.outerjoin(jobs, runs.c.job_key == jobs.c.key).outerjoin(
    flow_runs, _F.run_id == runs.c.id
)
_SELECT: Select[Any] = select(*RUN_COLUMNS, *_COLUMNS).select_from(_JOINED).where(NOT_HIDDEN)
_REFER = """
INSERT INTO flow_runs
    (run_id, type, flow_id, integration_id, export_id, import_id, flow_run_id)
VALUES (:run, :type, :flow, :integration, :export, :import_, :flow_run)
ON CONFLICT (run_id) DO UPDATE SET flow_id = excluded.flow_id,
    integration_id = excluded.integration_id, export_id = excluded.export_id,
    import_id = excluded.import_id, flow_run_id = excluded.flow_run_id
"""
_HIDE = """
INSERT INTO flow_runs (run_id, hidden) VALUES (:run, 1)
ON CONFLICT (run_id) DO UPDATE SET hidden = 1
"""
_ADOPT = """
INSERT INTO flow_runs (run_id, type) VALUES (:run, 'flow')
ON CONFLICT (run_id) DO UPDATE SET type = coalesce(flow_runs.type, excluded.type)
"""
_FAMILY = """
WITH RECURSIVE family (id) AS (
    SELECT id FROM runs WHERE retry_of = :run
    UNION SELECT run_id FROM flow_runs WHERE flow_run_id = :run
    UNION SELECT r.id FROM runs r JOIN family f ON r.retry_of = f.id
)
SELECT id FROM family WHERE id != :run ORDER BY id LIMIT :limit
"""
_FAILED_IN = "SELECT count(*) FROM failures WHERE record_id = :record AND run_id = :run"
_OPEN_IN = """
SELECT DISTINCT r.last_run_id FROM failures f JOIN records r ON r.id = f.record_id
WHERE f.run_id = :run AND r.state = 'open' ORDER BY r.last_run_id LIMIT :limit
"""


class FlowType(StrEnum):
    """What a run does in its flow."""

    EXPORT = "export"
    IMPORT = "import"
    FLOW = "flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the caller gave with a run: texts of the caller's own, and the run it is a part of.

    *type* is None for a run that was not asked for as a flow's.
    """

    type: FlowType | None = None
    flow: str | None = None
    integration: str | None = None
    export: str | None = None
    import_: str | None = None
    flow_run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """A run with its references."""

    run: Run
    references: References


class Flows:
    """All runs, as runs of flows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewRun, references: References, visible: Callable[[], None]) -> FlowRun:
        """Queue *new* with *references*; *visible* and what is raised as for ``Runs.add``."""
        with self._database.write_early(visible) as connection:
            run = enqueue(self._database, connection, new)
            self._database.run(connection, _REFER, _values(run.id, references))
        return FlowRun(run=run, references=references)

    def get(self, run_id: int, since_us: int) -> FlowRun | None:
        """Return the run *run_id* if it is not hidden, and was made at *since_us* or later."""
        return self.by_ids([run_id], since_us).get(run_id)

    def by_ids(self, ids: Iterable[int], since_us: int) -> dict[int, FlowRun]:
        """Return those of the runs *ids* that :meth:`get` would return."""
        query = _SELECT.where(runs.c.id.in_([*ids]), runs.c.created_us >= since_us)
        with self._database.read() as connection:
            found = [_flow_run(row) for row in connection.execute(query)]
        return {one.run.id: one for one in found}

    def list(self, filters: FlowFilter, limit: int, cursor: str | None) -> Page[FlowRun]:
        """Return up to *limit* runs that pass *filters*, newest first."""
        place = place_of(cursor)
        query = _SELECT.where(*flow_conditions(filters, place, limit))
        query = query.order_by(runs.c.id.desc()).limit(limit + 1)
        with self._database.read() as connection:
            found = [_flow_run(row) for row in connection.execute(query)]
        return page_of(found, limit, lambda one: one.run.id)

    def family(self, run_id: int, since_us: int, limit: int) -> builtins.list[FlowRun]:
        """Return the first *limit* of what belongs to a run: its parts, and the retries of all.

        Retries of retries are among them; the oldest come first.
        """
        values = {"run": run_id, "limit": limit}
        with self._database.read() as connection:
            ids = [row[0] for row in self._database.rows(connection, _FAMILY, values)]
        return [*sorted(self.by_ids(ids, since_us).values(), key=lambda one: one.run.id)]

    def change(self, run_id: int, references: References) -> None:
        """Give a run other *references*; its type stays."""
        with self._database.write() as connection:
            self._database.run(connection, _REFER, _values(run_id, references))

    def adopt(self, run_id: int) -> None:
        """Make a run one of a flow, if it is not; so its retries will be."""
        with self._database.write() as connection:
            self._database.run(connection, _ADOPT, {"run": run_id})

    def hide(self, run_id: int) -> None:
        """Show a run no more; once it has ended, retention deletes it."""
        with self._database.write() as connection:
            self._database.run(connection, _HIDE, {"run": run_id})

    def has_failed_in(self, run_id: int, record_id: int) -> bool:
        """Return whether a record failed in a run."""
        values = {"run": run_id, "record": record_id}
        with self._database.read() as connection:
            [[count]] = self._database.rows(connection, _FAILED_IN, values)
        return bool(count)

    def holders(self, run_id: int, limit: int) -> builtins.list[int]:
        """Return the last runs of those records of a run that are open: it, or its retries.

        At most *limit*, the oldest first.
        """
        values = {"run": run_id, "limit": limit}
        with self._database.read() as connection:
            rows = self._database.rows(connection, _OPEN_IN, values)
        return [row[0] for row in rows]


def _values(run_id: int, references: References) -> dict[str, Any]:
    return {
        "run": run_id,
        "type": None if references.type is None else references.type.value,
        "flow": references.flow,
        "integration": references.integration,
        "export": references.export,
        "import_": references.import_,
        "flow_run": references.flow_run,
    }


def _flow_run(row: Any) -> FlowRun:
    kind, flow, integration, export, import_, flow_run = row[len(RUN_COLUMNS) :]
    references = References(
        type=None if kind is None else FlowType(kind),
        flow=flow,
        integration=integration,
        export=export,
        import_=import_,
        flow_run=flow_run,
    )
    return FlowRun(run=run_from(row), references=references)


__all__ = ["FlowFilter", "FlowRun", "FlowType", "Flows", "References"]
