"""Changing a job: what is given replaces what it has, and its next moment follows."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from jobsched import clock
from jobsched.catalog import WEB_JOB, WRAPPED, Task
from jobsched.errors import (
    FieldError,
    InvalidInput,
    StaleVersion,
    UnknownJob,
    UnknownTask,
    WebJobFolder,
)
from jobsched.model import Job, JobState, Mode
from jobsched.operations import drafts, newtriggers
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.overdue import NOTHING_OVERDUE, overdue
from jobsched.operations.pausing import left_behind, moment_of, pause_plan, resume_plan
from jobsched.operations.policies import default_policy, merged
from jobsched.scheduling.pausing import pause_so_far
from jobsched.scheduling.planning import Pause
from jobsched.storage import Store
from jobsched.storage.occurrences import NewOccurrence
from jobsched.storage.switches import PAUSE_ALL
from jobsched.triggers import Trigger, restore

_ATTEMPTS = 5  # against others who change the same job at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to change about a job: only what is in it.

    *fields* are plain fields of the job (name, task, params, group, tags, description);
    *trigger* and *policy* are as in a Draft, None in them goes back to the default. *paused*
    pauses the job or lets it go on.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode | None = None
    trigger: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The columns to write and the entries for the ledger.

    They hold only as long as the job is due at *due_us*, if that is given: the scheduler may be
    firing the same moments.
    """

    changes: dict[str, object]
    ledger: tuple[NewOccurrence, ...] = ()
    due_us: int | None = None


class Changes:
    """The verb that changes a job."""

    def __init__(self, store: Store, configuration: Configuration, announce: Announcer) -> None:
        self._store = store
        self._configuration = configuration
        self._announce = announce

    def change(self, job_id: str, change: Change, by: str, version: int | None = None) -> Job:
        """Change a job, which must be at *version* if one is named; return it as it is now.

        Raises: UnknownJob, StaleVersion, InvalidInput with every mistake, UnknownTask, Conflict,
            WebJobFolder.
        """
        for _ in range(_ATTEMPTS):
            job = self._current(job_id, version)
            plan = self._with_pause(job, change.paused, self._plan(job, change), by)
            if not plan.changes:
                return job
            try:
                changed = self._store.jobs.change(
                    job_id, job.version, plan.changes, plan.ledger, plan.due_us
                )
            except StaleVersion:
                continue
            if job.mode is Mode.CONTINUOUS:
                self._announce.supervisor()
            self._announce.job("changed", job_id, by, fields=_named(job, changed, change))
            return changed
        raise StaleVersion(f"Job {job_id} is being changed by others all the time.")

    def mistakes(self, job: Job, change: Change) -> list[FieldError]:
        """Return what is wrong with the trigger and the parameters of a change of *job*."""
        try:
            self._plan(job, change)
        except InvalidInput as refusal:
            return [*refusal.errors]
        except (UnknownTask, WebJobFolder):
            return []  # told by its own error once nothing else is wrong
        return []

    def _current(self, job_id: str, version: int | None) -> Job:
        job = self._store.jobs.get(job_id)
        if job is None:
            raise UnknownJob(job_id)
        if version is not None and job.version != version:
            detail = f"Job {job_id} has been changed since: it is at version {job.version}."
            raise StaleVersion(detail, version=job.version)
        return job

    def _plan(self, job: Job, change: Change) -> _Plan:
        if job.task == WEB_JOB:
            self._require_as_it_is(job, change)
            return _Plan({})
        wrong = self._params_mistakes(job, change) + self._run_as_mistakes(job, change)
        wrong += drafts.service_mistakes(job.mode, change.policy)
        before, now_us = self._readable(job), clock.now_us()
        try:
            after = self._trigger(job, before, change, now_us)
        except InvalidInput as refusal:
            wrong.extend(refusal.errors)
        if wrong:
            raise InvalidInput(wrong)
        task = self._task(job, change)
        if after is not None and change.fields.get("task", job.task) == WRAPPED:
            message = "A job of task wrapped has no moments: something else runs it."
            raise InvalidInput.field("mode", "mode", message)
        changes = {
            name: value for name, value in change.fields.items() if getattr(job, name) != value
        }
        policy = self._policy(job, task, change, (before, after))
        if policy != job.policy:
            changes["policy"] = policy
        if after == before:
            return _Plan(changes)
        pause = pause_so_far(self._store.switches.get(PAUSE_ALL), now_us)
        return _replan(job, (before, after), changes, now_us, pause)

    def _require_as_it_is(self, job: Job, change: Change) -> None:
        """Refuse whatever would make a web job another than its folder. Raises: WebJobFolder."""
        before, now_us = self._readable(job), clock.now_us()
        differs = (
            any(getattr(job, name) != value for name, value in change.fields.items())
            or change.mode not in {None, job.mode}
            or merged(job.policy, job.policy, change.policy) != job.policy
            or (bool(change.trigger) and self._trigger(job, before, change, now_us) != before)
        )
        if differs:
            raise WebJobFolder(job.id, drafts.web_job_type(job), job.name)

    def _task(self, job: Job, change: Change) -> Task | None:
        """Return the task's entry; None when the job keeps one that has left the catalog."""
        catalog = self._configuration.catalog
        name = change.fields.get("task", job.task)
        if name == job.task:
            return catalog.get(name) if name in catalog else None
        return catalog.offered(name)

    def _params_mistakes(self, job: Job, change: Change) -> list[FieldError]:
        catalog, name = self._configuration.catalog, change.fields.get("task", job.task)
        params = change.fields.get("params", {})
        return drafts.params_mistakes(catalog.get(name), params) if name in catalog else []

    def _run_as_mistakes(self, job: Job, change: Change) -> list[FieldError]:
        user = change.policy.get("run_as")
        if user == job.policy.run_as:
            return []
        return drafts.run_as_mistakes(user, self._configuration.settings)

    def _trigger(
        self, job: Job, before: Trigger | None, change: Change, now_us: int
    ) -> Trigger | None:
        if Mode.CONTINUOUS in {job.mode, change.mode}:
            _require_no_moments(job, change)
            return None
        if change.mode is Mode.TRIGGERED:
            return drafts.read_trigger(Mode.TRIGGERED, change.trigger, 0, "UTC")
        if change.trigger:
            return newtriggers.changed(job, before, change.trigger, self._read, now_us)
        return before if change.mode in {None, job.mode} else self._read({}, now_us)

    def _read(self, given: Mapping[str, Any], created_us: int) -> Trigger:
        timezone, calendars = self._configuration.settings.timezone, self._configuration.calendars
        trigger = drafts.read_trigger(None, given, created_us, timezone, calendars)
        assert trigger is not None  # noqa: S101 - only triggered jobs have none
        return trigger

    def _with_pause(self, job: Job, wanted: bool | None, plan: _Plan, by: str) -> _Plan:
        """Return *plan* and, if it is *wanted*, a pause or the end of one in the same step."""
        if wanted is None or wanted == (job.state is JobState.PAUSED):
            return plan
        planned = _as_planned(job, plan)
        calendars = self._configuration.calendars
        columns, ledger = pause_plan(planned, by) if wanted else resume_plan(planned, calendars)
        changes = {**plan.changes, **columns}
        return replace(plan, changes=changes, ledger=plan.ledger + ledger)

    def _readable(self, job: Job) -> Trigger | None:
        """Return the trigger of *job*; None also when it is broken, which a new one repairs."""
        calendars = self._configuration.calendars
        with suppress(InvalidInput):
            return None if job.trigger is None else restore(job.trigger, calendars)
        return None

    def _policy(
        self,
        job: Job,
        task: Task | None,
        change: Change,
        triggers: tuple[Trigger | None, Trigger | None],
    ) -> Any:
        if task is None:
            return merged(job.policy, job.policy, change.policy)
        defaults = self._configuration.settings.job_defaults
        before, after = (default_policy(task, defaults, trigger) for trigger in triggers)
        if triggers[0] == triggers[1]:
            return merged(job.policy, after, change.policy)
        current = replace(job.policy, jitter=after.jitter)
        if job.policy.misfire.grace == before.misfire.grace:
            # The job never said how late is too late: the rule of its new trigger counts.
            misfire = replace(current.misfire, grace=after.misfire.grace)
            current = replace(current, misfire=misfire)
        return merged(current, after, change.policy)


def _require_no_moments(job: Job, change: Change) -> None:
    """Refuse moments for a continuous job. Raises: InvalidInput.

    No job becomes continuous or ceases to be so: what its runs are is another thing then.
    """
    if job.mode is not Mode.CONTINUOUS or change.mode not in {None, Mode.CONTINUOUS}:
        message = "A job cannot become continuous, or cease to be; make another one."
        raise InvalidInput.field("mode", "mode", message)
    drafts.read_trigger(Mode.CONTINUOUS, change.trigger, 0, "UTC")


def _replan(
    job: Job,
    triggers: tuple[Trigger | None, Trigger | None],
    changes: dict[str, object],
    now_us: int,
    pause: Pause | None,
) -> _Plan:
    """Return *changes* with the new trigger at *now_us*, and the next moment that follows.

    What is overdue by then comes before it; *pause* is the latest of all scheduling.
    """
    before, after = triggers
    first = None if after is None else after.first(now_us)
    late = overdue(job, before, after, now_us, pause)
    changes |= {
        "trigger": None if after is None else after.stored(),
        "mode": Mode.TRIGGERED if after is None else Mode.SCHEDULED,
    }
    columns, ledger = left_behind(before, now_us, job)
    changes |= columns
    if job.state is JobState.PAUSED:
        changes["paused_us"] = first
    else:
        next_us = first if late.kept_us is None else late.kept_us
        active = {"state": JobState.ACTIVE, "state_reason": None, "next_us": next_us}
        changes |= {**active, "paused_us": None}
    due_us = moment_of(job.next_run) if late != NOTHING_OVERDUE else None
    return _Plan(changes, late.entries + ledger, due_us)


def _named(before: Job, after: Job, change: Change) -> str:
    """Return the fields of *change* that made a difference, by the names that the caller used."""
    names = {name for name in change.fields if getattr(before, name) != getattr(after, name)}
    names |= {
        name
        for name in change.policy
        if getattr(before.policy, name) != getattr(after.policy, name)
    }
    names |= {*change.trigger}
    if change.mode is not None and before.mode is not after.mode:
        names.add("mode")
    if change.paused is not None and before.state is not after.state:
        names.add("paused")
    return ",".join(sorted(names))


def _as_planned(job: Job, plan: _Plan) -> Job:
    """Return *job* with what *plan* does to its moments."""
    if "trigger" not in plan.changes:
        return job
    trigger: Any = plan.changes["trigger"]
    next_us: Any = plan.changes.get("next_us")
    return replace(
        job,
        mode=Mode.TRIGGERED if trigger is None else Mode.SCHEDULED,
        trigger=trigger,
        state=job.state if job.state is JobState.PAUSED else JobState.ACTIVE,
        next_run=None if next_us is None else clock.from_us(next_us),
        paused_from=None,
        seen_at=clock.now(),
    )
