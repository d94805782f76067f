"""Jobs for what is coming: put into a store, and listed by brute force."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobsched.clock import SECOND, from_us
from jobsched.model import JobState, Policy
from jobsched.operations.lineup import BEYOND, Lineup, Place, Span
from jobsched.storage import Store
from jobsched.storage.tables import jobs, runs
from jobsched.storage.texts import mapping_from
from jobsched.triggers import Trigger, restore
from tests.support.rows import NOON, add_job

HOUR = 3600 * SECOND


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job, all times in seconds from NOON: every *step* from *start* on, *count* times.

    Its past runs took *lasted*; runs that are *alive* began that long ago. Until *paused* it
    rests.
    """

    step: int
    start: int
    count: int | None = None
    lasted: int | None = None
    alive: tuple[int, ...] = ()
    most: int = 1
    paused: int | None = None

    def moments(self, until_us: int) -> list[int]:
        """Return what the job does after NOON, in microseconds."""
        first = NOON + self.start * SECOND
        every = range(first, until_us + 1, self.step * SECOND)[: self.count]
        floor = NOON if self.paused is None else NOON + self.paused * SECOND - 1
        return [moment for moment in every if moment > floor]


class Shown(NamedTuple):
    at: int
    key: int
    p95: int | None
    running: int


def put(store: Store, plans: Sequence[Plan]) -> list[int]:
    """Make *plans* the only jobs of *store*; return their numbers."""
    with store.database.write() as connection:
        connection.execute(runs.delete())
        connection.execute(jobs.delete())
    return [_add(store, plan) for plan in plans]


def _add(store: Store, plan: Plan) -> int:
    start = NOON + plan.start * SECOND
    data = {
        "interval": {"seconds": plan.step},
        "start": from_us(start).isoformat(),
        "count": plan.count,
    }
    trigger = restore({key: value for key, value in data.items() if value is not None})
    paused = None if plan.paused is None else NOON + plan.paused * SECOND
    job = add_job(
        store,
        trigger=trigger.stored(),
        next_us=trigger.next_after(NOON - SECOND) if paused is None else paused,
        paused_until_us=paused,
        state=JobState.ACTIVE if paused is None else JobState.PAUSED,
        policy=Policy(max_instances=plan.most),
    )
    done = [] if plan.lasted is None else [("done", NOON - HOUR, plan.lasted)]
    alive = [("running", NOON - ago * SECOND, None) for ago in plan.alive]
    with store.database.write() as connection:
        for state, started, lasted in done + alive:
            connection.execute(
                runs.insert().values(
                    job_key=job.key,
                    name="backup",
                    task="example",
                    state=state,
                    created_us=started,
                    started_us=started,
                    ended_us=None if lasted is None else started + lasted * SECOND,
                )
            )
    return job.key


def naive(plans: Sequence[Plan], keys: Sequence[int], until_us: int) -> list[Shown]:
    """Return every row, each counted by looking at all moments of all jobs."""
    rows = sorted(
        (moment, key, plan)
        for plan, key in zip(plans, keys, strict=True)
        for moment in plan.moments(until_us)
    )
    return [
        Shown(
            moment,
            key,
            None if plan.lasted is None else plan.lasted * SECOND,
            sum(_alive_at(other, moment) for other in plans),
        )
        for moment, key, plan in rows
    ]


def _alive_at(plan: Plan, us: int) -> int:
    lasting = max(1, (plan.lasted or 0) * SECOND)
    began = [NOON - ago * SECOND for ago in plan.alive if plan.lasted] + plan.moments(us)
    return min(plan.most, sum(moment <= us < moment + lasting for moment in began))


def listed(store: Store, until_us: int, limit: int) -> list[Shown]:
    """Return every row as the pages show them, *limit* rows on each."""
    found: list[Shown] = []
    place: Place = (NOON, BEYOND)
    while True:
        span = Span(now_us=NOON, floor_us=NOON, end_us=until_us, place=place)
        rows = Lineup(store.database, _restore, span).rows(limit + 1)
        found += [Shown(row.at_us, row.job.key, row.p95, row.running) for row in rows[:limit]]
        if len(rows) <= limit:
            return found
        place = (found[-1].at, found[-1].key)


def _restore(text: str) -> Trigger:
    return restore(mapping_from(text))
