"""What lists of flows' runs are filtered by, and the conditions for it in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal_column, not_, or_, select

from jobsched.model import EndedBy, Run, RunState
from jobsched.storage.tables import flow_runs, runs

Condition = ColumnElement[bool]


class Course(StrEnum):
    """How far a run has got, or how it ended."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"  # to its end, though records of it may have failed
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES: Mapping[Course, frozenset[RunState]] = {
    Course.WAITING: frozenset({RunState.QUEUED, RunState.STARTING}),
    Course.RUNNING: frozenset({RunState.RUNNING}),
    Course.STOPPING: frozenset({RunState.STOPPING}),
}
_CANCELLED = frozenset({
    EndedBy.STOP, EndedBy.KILL, EndedBy.DISCONNECT, EndedBy.SHUTDOWN, EndedBy.REPLACED,
    EndedBy.EXPIRED,
})  # fmt: skip
# As a literal: an index over a part of the rows only serves what is not a parameter.
_ALIVE: Condition = literal_column("runs.state != 'done'")
_HIDDEN: Condition = literal_column("flow_runs.hidden = 1")
NOT_HIDDEN: Condition = runs.c.id.not_in(select(flow_runs.c.run_id).where(_HIDDEN))
# The plus keeps SQLite off the index over all runs ever, in favour of the one over living ones.
_UNORDERED: ColumnElement[int] = literal_column("+runs.id")
_COUNTS: Mapping[str, ColumnElement[int]] = {
    "success": runs.c.successes,
    "error": runs.c.errors,
    "ignore": runs.c.ignores,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFilter:
    """Which runs to list; None = any. *jobs* are their jobs' numbers.

    *types* may hold ``retry`` beside the words of FlowType. *since_us* and *until_us* bound the
    creation, the latter exclusively; *least* and *most* the counts ``success``, ``error`` and
    ``ignore``.
    """

    courses: frozenset[Course] | None = None
    types: frozenset[str] | None = None
    jobs: frozenset[int] | None = None
    integration: str | None = None
    export: str | None = None
    import_: str | None = None
    flow_run: int | None = None
    retriable: bool | None = None
    since_us: int = 0
    until_us: int | None = None
    least: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)


def course_of(run: Run) -> Course:
    """Return how far a run has got; the conditions below say the same in SQL."""
    for course, states in _STATES.items():
        if run.state in states:
            return course
    if run.ended_by in _CANCELLED:
        return Course.CANCELLED
    by_itself = run.ended_by is EndedBy.EXIT and run.exit_code is not None
    if by_itself and (run.exit_code == 0 or run.reported):
        return Course.COMPLETED
    return Course.FAILED


def flow_conditions(filters: FlowFilter, place: int | None, limit: int) -> list[Condition]:
    """Return the conditions for *filters*, of those behind *place*."""
    given = [*_about_run(filters), *_about_references(filters)]
    if place is not None:
        given.append(runs.c.id < place)
    if filters.courses and filters.courses <= _STATES.keys():
        return [*given, _living(filters, place, limit)]
    return given


def _living(filters: FlowFilter, place: int | None, limit: int) -> Condition:
    """Return the condition that a run is among those that are not done: few, found by index."""
    ids = select(runs.c.id).where(_ALIVE, NOT_HIDDEN, *_about_run(filters))
    if place is not None:
        ids = ids.where(_UNORDERED.op("<")(place))
    if not [*_about_references(filters)]:
        ids = ids.order_by(_UNORDERED.desc()).limit(limit + 1)
    return runs.c.id.in_(ids)


def _about_run(filters: FlowFilter) -> list[Condition]:
    found: list[Condition] = []
    if filters.courses is not None:
        found.append(or_(false(), *map(_on_course, sorted(filters.courses))))
    if filters.jobs is not None:
        found.append(runs.c.job_key.in_(sorted(filters.jobs)))
    if filters.retriable is not None:
        retriable = and_(runs.c.state == RunState.DONE.value, runs.c.open_records > 0)
        found.append(retriable if filters.retriable else not_(retriable))
    if filters.since_us:
        found.append(runs.c.created_us >= filters.since_us)
    if filters.until_us is not None:
        found.append(runs.c.created_us < filters.until_us)
    found += [_COUNTS[name] >= number for name, number in filters.least.items()]
    found += [_COUNTS[name] <= number for name, number in filters.most.items()]
    return found


def _about_references(filters: FlowFilter) -> list[Condition]:
    columns: dict[Any, Any] = {
        flow_runs.c.integration_id: filters.integration,
        flow_runs.c.export_id: filters.export,
        flow_runs.c.import_id: filters.import_,
        flow_runs.c.flow_run_id: filters.flow_run,
    }
    found: list[Condition] = [
        column == value for column, value in columns.items() if value is not None
    ]
    if filters.types is not None:
        found.append(or_(false(), *(_of_type(word) for word in sorted(filters.types))))
    return found


def _of_type(word: str) -> Condition:
    if word == "retry":
        return runs.c.retry_of.is_not(None)
    kind = flow_runs.c.type
    fits = func.coalesce(kind, word) == word if word == "flow" else kind == word
    return and_(runs.c.retry_of.is_(None), fits)


def _on_course(course: Course) -> Condition:
    if (states := _STATES.get(course)) is not None:
        return runs.c.state.in_(sorted(states))
    cancelled = runs.c.ended_by.in_(sorted(_CANCELLED))
    by_itself = and_(runs.c.ended_by == EndedBy.EXIT.value, runs.c.exit_code.is_not(None))
    completed = and_(by_itself, or_(runs.c.exit_code == 0, runs.c.reported == 1))
    done = runs.c.state == RunState.DONE.value
    return {
        Course.CANCELLED: and_(done, cancelled),
        Course.COMPLETED: and_(done, completed),
    }.get(course, and_(done, not_(cancelled), not_(completed)))
