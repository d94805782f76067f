"""Finding runs as the text commands list them: those of the shell, or some by number."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select

from jobsched.model import ALIVE, EndedBy, Run, RunState
from jobsched.storage.database import Database
from jobsched.storage.rows import run_from, select_runs
from jobsched.storage.tables import runs

# As literals: an index over a part of the rows only serves what is not a parameter.
_OF_SHELL: ColumnElement[bool] = literal_column("runs.task = 'shell'")
_NOT_DONE: ColumnElement[bool] = literal_column("runs.state != 'done'")
_GROUP_IN_POSTGRESQL = "CAST(runs.params AS json) ->> 'group'"
_GROUP_IN_SQLITE = "json_extract(runs.params, '$.group')"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFilter:
    """Which runs to list; None = any. With *ids*, runs of other tasks are listed as well.

    With *states* or *ended_by* those that are in one of the states, or that one of the causes
    ended.
    """

    ids: frozenset[int] | None = None
    names: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    states: frozenset[RunState] | None = None
    ended_by: frozenset[EndedBy] | None = None


class Commands:
    """Lists of commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, filters: CommandFilter, after: int, limit: int) -> list[Run]:
        """Return up to *limit* runs whose number is above *after*, the oldest first."""
        query = self._query(filters, after).limit(limit)
        with self._database.read() as connection:
            return [run_from(row) for row in connection.execute(query)]

    def _query(self, filters: CommandFilter, after: int) -> Select[Any]:
        conditions = [*self._conditions(filters)]
        if _only_alive(filters):
            # Few are; a plus keeps SQLite from walking through all runs there have ever been.
            place: ColumnElement[int] = literal_column("+runs.id")
            ids = select(runs.c.id).where(_NOT_DONE, place.op(">")(after), *conditions)
            conditions = [runs.c.id.in_(ids)]
        elif filters.ids is None:
            conditions.append(_OF_SHELL)
        return select_runs().where(runs.c.id > after, *conditions).order_by(runs.c.id)

    def _conditions(self, filters: CommandFilter) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if filters.ids is not None:
            found.append(runs.c.id.in_(sorted(filters.ids)))
        else:
            found.append(runs.c.task == "shell")
        if filters.names is not None:
            found.append(runs.c.name.in_(sorted(filters.names)))
        if filters.groups is not None:
            found.append(func.coalesce(self._group(), "").in_(sorted(filters.groups)))
        if filters.states is not None or filters.ended_by is not None:
            states = runs.c.state.in_(sorted(filters.states or ()))
            found.append(or_(states, runs.c.ended_by.in_(sorted(filters.ended_by or ()))))
        return found

    def _group(self) -> ColumnElement[str]:
        sqlite = self._database.is_sqlite
        return literal_column(_GROUP_IN_SQLITE if sqlite else _GROUP_IN_POSTGRESQL)


def _only_alive(filters: CommandFilter) -> bool:
    return not filters.ended_by and filters.states is not None and filters.states <= {*ALIVE}
