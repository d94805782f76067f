"""Pausing one job and going on: what the pause swallows is one entry of the ledger."""

from collections.abc import Callable
from datetime import datetime

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.errors import Conflict, InvalidInput, StaleVersion, UnknownJob
from jobsched.model import Job, JobState, Mode, OccurrenceOutcome
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.scheduling import omitting
from jobsched.scheduling.leftover import with_leftover
from jobsched.scheduling.planning import Pause, Plan, resume
from jobsched.storage import Store
from jobsched.storage.occurrences import NewOccurrence
from jobsched.triggers import Trigger, restore

_Ledger = tuple[NewOccurrence, ...]
_Columns = tuple[dict[str, object], _Ledger]
_ATTEMPTS = 5  # against others who change the same job at the same time


class Pauses:
    """The verbs that pause a job and let it go on."""

    def __init__(self, store: Store, configuration: Configuration, announce: Announcer) -> None:
        self._store = store
        self._configuration = configuration
        self._announce = announce

    def pause(
        self, job_id: str, by: str, until: datetime | None = None, reason: str | None = None
    ) -> Job:
        """Let no moment of the job run from now on, or until *until*; return it.

        A paused job takes the new end and reason.

        Raises: UnknownJob; InvalidInput when *until* has passed; Conflict for a finished job.
        """
        if until is not None and until <= clock.now():
            raise InvalidInput.field("until", "past", "until lies in the past.")
        job = self._changed(job_id, lambda job: pause_plan(job, by, until, reason))
        self._announce.job("paused", job_id, by, reason=reason)
        return job

    def resume(self, job_id: str, by: str) -> Job:
        """Let the job go on with its next moment; return it.

        Raises: UnknownJob; InvalidInput when its trigger cannot be read.
        """
        job = self._changed(job_id, lambda job: resume_plan(job, self._configuration.calendars))
        self._announce.job("resumed", job_id, by)
        return job

    def _changed(self, job_id: str, plan: Callable[[Job], _Columns]) -> Job:
        for _ in range(_ATTEMPTS):
            job = self._store.jobs.get(job_id)
            if job is None:
                raise UnknownJob(job_id)
            changes, ledger = plan(job)
            if not changes:
                return job
            try:
                changed = self._store.jobs.change(job_id, job.version, changes, ledger)
            except StaleVersion:
                continue
            if job.mode is Mode.CONTINUOUS:
                self._announce.supervisor()
            return changed
        raise StaleVersion(f"Job {job_id} is being changed by others all the time.")


def left_behind(trigger: Trigger | None, now_us: int, job: Job) -> _Columns:
    """Return what is to be written when *job*, so far with *trigger*, gets another one.

    That is what a pause or a block swallowed, and what the trigger omitted, until now.
    """
    changes: dict[str, object] = {"seen_us": now_us}
    if trigger is None:
        return changes, _first_swallowed(job, now_us)
    rested = job.state in {JobState.PAUSED, JobState.BLOCKED}
    swallowed = _over(trigger, now_us, job).entries if rested else ()
    seen_us = now_us if job.seen_at is None else clock.to_us(job.seen_at)
    omitted, _ = omitting.omitted(trigger, seen_us, now_us)
    return changes, swallowed + omitted


def moment_of(moment: datetime | None) -> int | None:
    """Return *moment* in microseconds, as columns hold it."""
    return None if moment is None else clock.to_us(moment)


def pause_plan(
    job: Job, by: str, until: datetime | None = None, reason: str | None = None
) -> _Columns:
    """Return the columns that pause *job*. Raises: Conflict for a finished job."""
    if job.state is JobState.FINISHED:
        raise Conflict(f"Job {job.id} has finished: it has no moments to pause.", job=job.id)
    changes: dict[str, object] = {
        "state": JobState.PAUSED,
        "state_reason": f"paused by {by}" + (f": {reason}" if reason else ""),
        "next_us": moment_of(until),
        "paused_until_us": moment_of(until),
    }
    if job.state is JobState.ACTIVE:
        changes["paused_us"] = moment_of(job.next_run)
    return changes, ()


def resume_plan(job: Job, calendars: Calendars = NO_CALENDARS) -> _Columns:
    """Return the columns that let *job* go on, and the entry for what it missed."""
    if job.state not in {JobState.PAUSED, JobState.BLOCKED}:
        return {}, ()
    now_us = clock.now_us()
    trigger = None if job.trigger is None else restore(job.trigger, calendars)
    plan = Plan(next_us=None) if trigger is None else _after(trigger, now_us, job)
    over = job.mode is Mode.SCHEDULED and plan.next_us is None
    changes: dict[str, object] = {
        "state": JobState.FINISHED if over else JobState.ACTIVE,
        "state_reason": None,
        "next_us": plan.next_us,
        "paused_us": None,
        "paused_until_us": None,
    }
    if plan.seen_us is not None:
        changes["seen_us"] = plan.seen_us
    return changes, plan.entries


def _after(trigger: Trigger, now_us: int, job: Job) -> Plan:
    """Return how *job* goes on when its pause or block is over."""
    resumed = _over(trigger, now_us, job)
    return omitting.with_omitted(trigger, resumed, moment_of(job.seen_at), now_us)


def _over(trigger: Trigger, now_us: int, job: Job) -> Plan:
    reason = job.state_reason or "paused"
    if job.paused_from is None:
        return resume(trigger, Pause(since_us=now_us, end_us=now_us, reason=reason))
    since_us = clock.to_us(job.paused_from)
    pause = Pause(since_us=since_us, end_us=now_us, reason=reason)
    return resume(with_leftover(trigger, since_us) if since_us < now_us else trigger, pause)


def _first_swallowed(job: Job, now_us: int) -> _Ledger:
    """Return the entry for the one swallowed moment that is known without a trigger."""
    first_us = moment_of(job.paused_from)
    if job.state not in {JobState.PAUSED, JobState.BLOCKED} or first_us is None:
        return ()
    if first_us >= now_us:
        return ()
    skipped = OccurrenceOutcome.SKIPPED
    return (NewOccurrence(due_us=first_us, outcome=skipped, reason=job.state_reason),)
