"""Deciding about a batch of due jobs: what each does, then what its living runs allow."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jobsched.clock import SECOND
from jobsched.model import JobState, OccurrenceOutcome, Overlap, Policy
from jobsched.scheduling.knowledge import Known
from jobsched.scheduling.planning import Pause, Plan, plan
from jobsched.storage.decisions import Alive, Change, Decision, Due, Fire, Start
from jobsched.storage.occurrences import NewOccurrence

_RAN, _LATE = OccurrenceOutcome.RAN.value, OccurrenceOutcome.LATE.value
_SKIPPED = OccurrenceOutcome.SKIPPED.value
BEHIND = "the scheduler came late"
ENDED = "its trigger has no further moment"


class Ordinary(NamedTuple):
    """A job with one moment that runs now and a next one to come: nearly all of them."""

    due: Due
    known: Known
    next_us: int
    late_us: int


class Special(NamedTuple):
    """A job that does anything else, by *plan*; *blocked* says why it cannot go on."""

    due: Due
    known: Known
    plan: Plan
    blocked: str | None = None


class Outlook(NamedTuple):
    """A batch as far as it can be planned without knowing which runs are alive."""

    now_us: int
    ordinary: list[Ordinary]
    special: list[Special]

    def keys(self) -> list[int]:
        """Return the numbers of all jobs in the batch."""
        both: list[Ordinary | Special] = [*self.ordinary, *self.special]
        return [job.due.key for job in both]


def look_ahead(
    batch: Iterable[Due], known: dict[int, Known], now_us: int, pauses: dict[int, Pause]
) -> Outlook:
    """Sort *batch* into the ordinary and the special; *pauses* are over by now, by job."""
    outlook = Outlook(now_us, [], [])
    for due in batch:
        job = known.get(due.key)
        if job is None:
            continue
        pause = pauses.get(due.key) if pauses else None
        try:
            following = None if job.trigger is None else job.trigger.next_after(due.next_us)
            late_us = now_us - due.next_us
            if (
                following is not None
                and following > now_us
                and late_us <= job.limit_us
                and pause is None
                and due.state == "active"
            ):
                outlook.ordinary.append(Ordinary(due, job, following, late_us))
            else:
                outlook.special.append(_special(due, job, now_us, pause))
        except (
            Exception
        ) as error:  # a trigger may be anybody's code; its job is parked, not the loop
            why = f"its trigger failed: {type(error).__name__}: {error}"
            outlook.special.append(Special(due, job, Plan(next_us=None), why))
    return outlook


def _special(due: Due, job: Known, now_us: int, pause: Pause | None) -> Special:
    if job.fault is not None:
        return Special(due, job, Plan(next_us=None), job.fault)
    if job.trigger is None:
        return Special(due, job, Plan(next_us=None))
    # A paused job is due when its pause ends; its moments began with the pause.
    first_us = pause.since_us if pause and due.state == "paused" else due.next_us
    return Special(due, job, plan(job.trigger, job.policy.misfire, first_us, now_us, pause))


def decide(outlook: Outlook, alive: Alive) -> Decision:
    """Return what to write, now that it is known how many runs of each job are *alive*."""
    fires: list[Fire] = []
    passed: list[Fire] = []
    changes = [_change(job, outlook.now_us, alive) for job in outlook.special]
    for job in outlook.ordinary:
        due, known, next_us, late_us = job
        policy = known.policy
        refusal = None
        if due.key in alive:
            refusal = refusal_of(policy, alive[due.key][0])
            if refusal is None and (room := _to_replace(policy, *alive[due.key])) > 0:
                changes.append(_replacing(job, room))
                continue
        outcome, reason = (_RAN, None) if late_us <= SECOND else (_LATE, BEHIND)
        not_before = delayed(due.next_us, known.jitter_us) if known.jitter_us else None
        fire = (
            due.key, due.version, due.next_us, next_us, outcome if refusal is None else _SKIPPED,
            late_us if refusal is None else None, refusal or reason, not_before,
            policy.queue, policy.priority,
        )  # fmt: skip
        (fires if refusal is None else passed).append(fire)
    return Decision(fires=fires, passed=passed, changes=changes)


def refusal_of(policy: Policy, alive: int) -> str | None:
    """Return why one more run may not be made while so many are *alive*; None if it may."""
    if alive < policy.max_instances or policy.overlap is Overlap.REPLACE:
        return None
    if policy.overlap is Overlap.SKIP:
        return f"overlap: {alive} of its runs {'is' if alive == 1 else 'are'} still alive"
    return "overlap: another run waits already" if alive > policy.max_instances else None


def delayed(due_us: int, jitter_us: int) -> int:
    """Return a start at random, up to *jitter_us* after *due_us*."""
    return due_us + random.randrange(jitter_us + 1)  # noqa: S311 - spreads load, no secret


def _to_replace(policy: Policy, alive: int, stopping: int) -> int:
    """Return how many of the oldest runs make room for one more."""
    if policy.overlap is not Overlap.REPLACE:
        return 0
    return max(0, alive - stopping - policy.max_instances + 1)


def _replacing(job: Ordinary, room: int) -> Change:
    due, known, next_us, late_us = job
    return Change(
        due=due,
        next_us=next_us,
        starts=_starts([due.next_us], due.next_us + late_us, known.jitter_us),
        queue=known.policy.queue,
        priority=known.policy.priority,
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
    )


def _state_after(job: Special, blocked: str | None) -> tuple[JobState, str | None]:
    if blocked is not None:
        return JobState.BLOCKED, blocked
    if job.plan.next_us is None and job.known.trigger is not None:
        return JobState.FINISHED, ENDED
    return JobState.ACTIVE, None


def _starts(moments: Sequence[int], now_us: int, jitter_us: int) -> tuple[Start, ...]:
    return tuple(
        Start(
            due_us=due_us,
            late_us=now_us - due_us,
            outcome=OccurrenceOutcome(_RAN if now_us - due_us <= SECOND else _LATE),
            not_before_us=delayed(due_us, jitter_us) if jitter_us else None,
        )
        for due_us in moments
    )


def _skipped(moments: Sequence[int], reason: str) -> tuple[NewOccurrence, ...]:
    return tuple(
        NewOccurrence(due_us=due_us, outcome=OccurrenceOutcome.SKIPPED, reason=reason)
        for due_us in moments
    )
