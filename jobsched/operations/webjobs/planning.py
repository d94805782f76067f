"""What a change of a folder makes of its job: the new row, or the columns that change."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from jobsched import clock
from jobsched.calendars import Calendars
from jobsched.catalog import WEB_JOB
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, Mode, Policy, Run, WebJob, WebJobType
from jobsched.operations.pausing import left_behind
from jobsched.operations.webjobs import resting
from jobsched.operations.webjobs.identity import job_id
from jobsched.operations.webjobs.resting import Reasons
from jobsched.operations.webjobs.wanting import Present, Wanted, refused_of
from jobsched.scheduling.deciding import ENDED
from jobsched.storage.newjobs import NewJob
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.webjobs import Facts
from jobsched.triggers import Trigger, restore
from jobsched.webjobs import schedule
from jobsched.webjobs.discovery import Found

LONGEST_NAME = 200
Ledger = tuple[NewOccurrence, ...]


@dataclass(slots=True, kw_only=True)
class Change:
    """The columns that change, with their entries in the ledger, and the facts of the folder."""

    facts: Facts
    columns: dict[str, object] = field(default_factory=dict)
    ledger: Ledger = ()


def new_job(
    wanted: Wanted, present: Present, latest: Run | None, now_us: int
) -> tuple[NewJob, Facts, Ledger]:
    """Return the job to be made; *latest* is the newest run that a former one has left behind."""
    trigger, refused = _trigger(wanted, now_us, present)
    fresh = _fresh(trigger, wanted, latest, now_us)
    found = wanted.found
    new = NewJob(
        id=job_id(found.type, found.name),
        name=found.name[:LONGEST_NAME],
        task=WEB_JOB,
        mode=_mode(wanted, trigger),
        created_us=now_us,
        trigger=None if trigger is None else trigger.stored(),
        policy=_with_jitter(wanted, trigger),
        params=wanted.params,
        next_us=fresh.next_us,
    )
    new = _in_its_state(new, wanted, present)
    return new, wanted.facts(refused, now_us), fresh.entries


def change(
    job: Job, row: WebJob, wanted: Wanted, present: Present, latest: Callable[[], Run | None]
) -> Change:
    """Return what is to be written so that *job* and *row* are as *wanted*."""
    now_us = clock.now_us()
    same, found = wanted.is_as(row), wanted.found
    trigger, refused = (None, refused_of(row)) if same else _trigger(wanted, now_us, present)
    deployed = row.fingerprint != found.fingerprint or row.script != found.script
    deployed_us = now_us if deployed else clock.to_us(row.deployed_at)
    made = Change(facts=wanted.facts(refused, deployed_us))
    if not same:
        _replan(made, job, (wanted, present), trigger, latest())
    plain = {"name": found.name[:LONGEST_NAME], "params": wanted.params}
    made.columns |= {name: value for name, value in plain.items() if getattr(job, name) != value}
    newly_disabled = found.disabled and not row.disabled
    why = _reasons(found, present, disabled=newly_disabled)
    columns, entries = resting.moved(job, made.columns, why, present.calendars)
    made.columns |= columns
    made.ledger += entries
    return made


def _trigger(wanted: Wanted, now_us: int, present: Present) -> tuple[Trigger | None, str | None]:
    """Return the trigger, or why there is none although one is asked for."""
    try:
        return wanted.trigger(now_us, present), None
    except InvalidInput as refusal:
        return None, refusal.detail


def _mode(wanted: Wanted, trigger: Trigger | None) -> Mode:
    if wanted.found.type is WebJobType.CONTINUOUS:
        return Mode.CONTINUOUS
    return Mode.TRIGGERED if trigger is None else Mode.SCHEDULED


def _with_jitter(wanted: Wanted, trigger: Trigger | None) -> Policy:
    jitter = 0.0 if trigger is None else trigger.jitter_us / clock.SECOND
    return replace(wanted.policy, jitter=jitter)


def _fresh(
    trigger: Trigger | None, wanted: Wanted, latest: Run | None, now_us: int
) -> schedule.Fresh:
    """Return with which moment the job goes on, from the start of its *latest* run on."""
    if trigger is None:
        return schedule.Fresh(next_us=None)
    since = None if latest is None else latest.started_at or latest.created_at
    since_us = None if since is None else min(now_us, clock.to_us(since))
    return schedule.anew(trigger, since_us, now_us, wanted.policy.misfire.grace)


def _in_its_state(new: NewJob, wanted: Wanted, present: Present) -> NewJob:
    """Return *new* as the folder and the settings let it be: active, stopped, blocked, ended."""
    if new.mode is Mode.SCHEDULED and new.next_us is None:
        new = replace(new, state=JobState.FINISHED, state_reason=ENDED)
    rest = resting.rest_of(
        new.mode, _reasons(wanted.found, present, disabled=wanted.found.disabled)
    )
    if rest is None:
        return new
    state, reason = rest
    return replace(new, state=state, state_reason=reason, next_us=None, paused_us=new.next_us)


def _reasons(found: Found, present: Present, *, disabled: bool) -> Reasons:
    return Reasons(no_script=found.script is None, disabled=disabled, hold=present.hold)


def _replan(
    made: Change,
    job: Job,
    asked: tuple[Wanted, Present],
    trigger: Trigger | None,
    latest: Run | None,
) -> None:
    """Give the job its new policy and trigger, and the moment that follows from them."""
    wanted, present = asked
    policy = _with_jitter(wanted, trigger)
    if policy != job.policy:
        made.columns["policy"] = policy
    stored, mode = None if trigger is None else trigger.stored(), _mode(wanted, trigger)
    if stored == job.trigger and mode is job.mode:
        return
    now_us = clock.now_us()
    fresh = _fresh(trigger, wanted, latest, now_us)
    columns, ledger = left_behind(_readable(job, present.calendars), now_us, job)
    made.columns |= {"trigger": stored, "mode": mode} | columns
    made.ledger += ledger + fresh.entries
    if job.state in {JobState.PAUSED, JobState.BLOCKED}:
        made.columns["paused_us"] = fresh.next_us
        return
    over = trigger is not None and fresh.next_us is None
    made.columns |= {
        "state": JobState.FINISHED if over else JobState.ACTIVE,
        "state_reason": ENDED if over else None,
        "next_us": fresh.next_us,
        "paused_us": None,
    }


def _readable(job: Job, calendars: Calendars) -> Trigger | None:
    try:
        return None if job.trigger is None else restore(job.trigger, calendars)
    except InvalidInput:
        return None
