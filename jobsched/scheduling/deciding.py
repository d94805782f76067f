"""Deciding about a batch of due jobs: what each does, then what its living runs allow."""

import random
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from jobsched.clock import SECOND
from jobsched.model import JobState, OccurrenceOutcome, Overlap, Policy
from jobsched.scheduling.knowledge import Known, limit_of
from jobsched.scheduling.leftover import with_leftover
from jobsched.scheduling.omitting import nothing_omitted, with_omitted
from jobsched.scheduling.planning import Pause, Plan, plan
from jobsched.storage.decisions import Alive, Change, Decision, Due, Fire, Start
from jobsched.storage.occurrences import NewOccurrence

_RAN, _LATE = OccurrenceOutcome.RAN.value, OccurrenceOutcome.LATE.value
_SKIPPED = OccurrenceOutcome.SKIPPED.value
BEHIND = "the scheduler came late"
ENDED = "its trigger has no further moment"


class Special(NamedTuple):
    """A job that does anything else, by *plan*; *blocked* says why it cannot go on."""

    due: Due
    known: Known
    plan: Plan
    blocked: str | None = None


class Outlook(NamedTuple):
    """A batch as far as it can be planned without knowing which runs are alive.

    Nearly all jobs have one moment that runs now and a next one to come: *fires*. What any
    other does is *special*.
    """

    now_us: int
    known: dict[int, Known]
    fires: list[Fire]
    special: list[Special]

    def keys(self) -> list[int]:
        """Return the numbers of all jobs in the batch."""
        return [fire[0] for fire in self.fires] + [job.due.key for job in self.special]


def look_ahead(
    batch: Iterable[Due],
    known: dict[int, Known],
    now_us: int,
    pauses: dict[int, Pause],
    seen: Mapping[int, int | None] = MappingProxyType({}),
) -> Outlook:
    """Sort *batch* into the ordinary and the special; *pauses* are over by now, by job.

    *seen* says until when the ledger tells what the jobs have omitted that omit anything.
    """
    outlook = Outlook(now_us, known, [], [])
    for due in batch:
        job = known.get(due.key)
        if job is None:
            continue
        try:
            fire = _ordinary(due, job, now_us) if due.key not in pauses else None
            if fire is None and due.key in seen and due.key not in pauses:
                fire = _unomitted(due, job, now_us, seen[due.key])
            if fire is not None:
                outlook.fires.append(fire)
            else:
                pause = pauses.get(due.key)
                outlook.special.append(_special(due, job, now_us, pause, seen.get(due.key)))
        except Exception as error:  # a trigger may be anybody's code; only its job stops
            outlook.special.append(Special(due, job, Plan(next_us=None), failure_of(error)))
    return outlook


def _ordinary(due: Due, job: Known, now_us: int) -> Fire | None:
    """Return the fire of a job that does nothing but fire its one due moment, else None."""
    key, version, due_us, _ = due
    late_us = now_us - due_us
    if job.trigger is None or late_us > job.limit_us:
        return None
    next_us = job.trigger.next_after(due_us)
    if next_us is None or next_us <= now_us:
        return None
    policy = job.policy
    return (
        key, version, due_us, next_us, *((_RAN, late_us, None) if late_us <= SECOND else
        (_LATE, late_us, BEHIND)), delayed(due_us, job.jitter_us) if job.jitter_us else None,
        policy.queue, policy.priority,
    )  # fmt: skip


def _unomitted(due: Due, job: Known, now_us: int, seen_us: int | None) -> Fire | None:
    """Return the fire of a job that might have omitted something, but has not."""
    if job.trigger is None or not nothing_omitted(job.trigger, seen_us, now_us):
        return None
    return _ordinary(due, job._replace(limit_us=limit_of(job.policy)), now_us)


def _special(
    due: Due, job: Known, now_us: int, pause: Pause | None, seen_us: int | None
) -> Special:
    if job.fault is not None:
        return Special(due, job, Plan(next_us=None), job.fault)
    if job.trigger is None:
        return Special(due, job, Plan(next_us=None))
    # A paused job is due when its pause ends; its moments began with the pause.
    first_us = pause.since_us if pause and due.state == "paused" else due.next_us
    is_moment = due.state == JobState.ACTIVE or (pause is not None and first_us < pause.end_us)
    moments = with_leftover(job.trigger, first_us) if is_moment else job.trigger
    planned = plan(moments, job.policy.misfire, first_us, now_us, pause)
    return Special(due, job, with_omitted(job.trigger, planned, seen_us, now_us))


def decide(outlook: Outlook, alive: Alive) -> Decision:
    """Return what to write, now that it is known how many runs of each job are *alive*."""
    changes = [_change(job, outlook.now_us, alive) for job in outlook.special]
    if not alive:
        return Decision(fires=outlook.fires, changes=changes)
    fires: list[Fire] = []
    passed: list[Fire] = []
    for fire in outlook.fires:
        count, stopping = alive.get(fire[0], (0, 0))
        policy = outlook.known[fire[0]].policy
        refusal = refusal_of(policy, count)
        if refusal is not None:
            passed.append((*fire[:4], _SKIPPED, None, refusal, None, *fire[8:]))
        elif (room := _to_replace(policy, count, stopping)) > 0:
            changes.append(_replacing(fire, room))
        else:
            fires.append(fire)
    return Decision(fires=fires, passed=passed, changes=changes)


def refusal_of(policy: Policy, alive: int) -> str | None:
    """Return why one more run may not be made while so many are *alive*; None if it may."""
    if alive < policy.max_instances or policy.overlap is Overlap.REPLACE:
        return None
    if policy.overlap is Overlap.SKIP:
        return (
            f"overlap: {alive} of its runs still {'waits or runs' if alive == 1 else 'wait or run'}"
        )
    return "overlap: another run waits already" if alive > policy.max_instances else None


def failure_of(error: Exception) -> str:
    """Return why a job is blocked whose trigger raised *error*."""
    return f"its trigger failed: {type(error).__name__}: {error}"


def delayed(due_us: int, jitter_us: int) -> int:
    """Return a start at random, up to *jitter_us* after *due_us*."""
    return due_us + random.randrange(jitter_us + 1)  # noqa: S311 - spreads load, no secret


def _to_replace(policy: Policy, alive: int, stopping: int) -> int:
    """Return how many of the oldest runs make room for one more."""
    if policy.overlap is not Overlap.REPLACE:
        return 0
    return max(0, alive - stopping - policy.max_instances + 1)


def _replacing(fire: Fire, room: int) -> Change:
    """Return *fire* as a change that stops so many of the oldest runs first."""
    key, version, due_us, next_us, outcome, late_us, reason, not_before_us, queue, priority = fire
    start = Start(
        due_us=due_us,
        late_us=late_us or 0,
        outcome=OccurrenceOutcome(outcome),
        reason=reason,
        not_before_us=not_before_us,
    )
    return Change(
        due=Due(key, version, due_us, JobState.ACTIVE.value),
        next_us=next_us,
        starts=(start,),
        queue=queue,
        priority=priority,
        replace=room,
    )


def _change(job: Special, now_us: int, alive: Alive) -> Change:
    """Return the one change that carries out the plan of a special job."""
    due, known, plan_, blocked = job
    policy = known.policy
    count, stopping = alive.get(due.key, (0, 0))
    refusal = refusal_of(policy, count) if plan_.due else None
    starts = () if refusal else _starts(plan_.due, now_us, known.jitter_us)
    skipped = _skipped(plan_.due, refusal) if refusal else ()
    state, why = _state_after(job, blocked)
    return Change(
        due=due,
        next_us=plan_.next_us,
        state=state,
        state_reason=why,
        starts=starts,
        entries=plan_.entries + skipped,
        queue=policy.queue,
        priority=policy.priority,
        replace=_to_replace(policy, count, stopping) if starts else 0,
        seen_us=plan_.seen_us,
    )


def _state_after(job: Special, blocked: str | None) -> tuple[JobState, str | None]:
    if blocked is not None:
        return JobState.BLOCKED, blocked
    if job.plan.next_us is None and job.known.trigger is not None:
        return JobState.FINISHED, ENDED
    return JobState.ACTIVE, None


def _starts(moments: Sequence[int], now_us: int, jitter_us: int) -> tuple[Start, ...]:
    return tuple(_start(due_us, now_us - due_us, jitter_us) for due_us in moments)


def _start(due_us: int, late_us: int, jitter_us: int) -> Start:
    late = late_us > SECOND
    return Start(
        due_us=due_us,
        late_us=late_us,
        outcome=OccurrenceOutcome(_LATE if late else _RAN),
        reason=BEHIND if late else None,
        not_before_us=delayed(due_us, jitter_us) if jitter_us else None,
    )


def _skipped(moments: Sequence[int], reason: str) -> tuple[NewOccurrence, ...]:
    return tuple(
        NewOccurrence(due_us=due_us, outcome=OccurrenceOutcome.SKIPPED, reason=reason)
        for due_us in moments
    )
