"""When a web job rests although nobody has paused it, and when it goes on.

It is blocked without a script, stopped once when a file ``disable.job`` appears (a continuous
one), and its schedule is held by WEBJOBS_STOPPED and WEBJOBS_DISABLE_SCHEDULE. What a user has
paused stays so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jobsched.calendars import Calendars
from jobsched.errors import InvalidInput
from jobsched.model import Job, JobState, Mode
from jobsched.operations.pausing import moment_of, resume_plan
from jobsched.storage.occurrences import NewOccurrence

BY_FILE = "stopped by disable.job"
NO_SCRIPT = "its folder holds no script that could run"
STOPPED = "WEBJOBS_STOPPED is set"
SCHEDULE_DISABLED = "WEBJOBS_DISABLE_SCHEDULE is set"
_OURS = frozenset({NO_SCRIPT, STOPPED, SCHEDULE_DISABLED})
Columns = dict[str, object]
Ledger = tuple[NewOccurrence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """What may let a job rest; *disabled*: disable.job has appeared, *hold*: of its schedule."""

    no_script: bool = False
    disabled: bool = False
    hold: str | None = None


def rest_of(mode: Mode, why: Reasons) -> tuple[JobState, str] | None:
    """Return the state and the reason in which a job of this *mode* rests, None if it does not."""
    if why.no_script:
        return JobState.BLOCKED, NO_SCRIPT
    if why.disabled and mode is Mode.CONTINUOUS:
        return JobState.PAUSED, BY_FILE
    if why.hold is not None and mode is Mode.SCHEDULED:
        return JobState.PAUSED, why.hold
    return None


def moved(
    job: Job, columns: Mapping[str, object], why: Reasons, calendars: Calendars
) -> tuple[Columns, Ledger]:
    """Return what lets *job*, about to get new *columns*, rest or go on; its ledger entries."""
    mode = Mode(str(columns.get("mode", job.mode)))
    rest = rest_of(mode, why)
    if job.state_reason in _OURS:
        if rest is not None and rest[1] == job.state_reason:
            return {}, ()
        going, ledger = _going_on(job, columns, calendars)
        return {**going, **_resting(rest, {**columns, **going}, job)}, ledger
    if columns.get("state", job.state) == JobState.PAUSED:
        return {}, ()
    return _resting(rest, columns, job), ()


def _resting(rest: tuple[JobState, str] | None, columns: Mapping[str, object], job: Job) -> Columns:
    if rest is None:
        return {}
    state, reason = rest
    since = columns["next_us"] if "next_us" in columns else moment_of(job.next_run)
    return {"state": state, "state_reason": reason, "next_us": None, "paused_us": since}


def _going_on(
    job: Job, columns: Mapping[str, object], calendars: Calendars
) -> tuple[Columns, Ledger]:
    """Return how a job goes on that was resting for a reason of ours."""
    if "trigger" in columns:
        over = columns["trigger"] is not None and columns["paused_us"] is None
        state = JobState.FINISHED if over else JobState.ACTIVE
        next_us = columns["paused_us"]
        return {"state": state, "state_reason": None, "next_us": next_us, "paused_us": None}, ()
    try:
        return resume_plan(job, calendars)
    except InvalidInput:  # it names a calendar that has gone: the scheduler will tell
        return {}, ()
