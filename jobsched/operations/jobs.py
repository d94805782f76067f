"""The verbs on jobs that every interface uses: schedule, show, list, unschedule, run now."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobsched import clock
from jobsched.catalog import WEB_JOB, WRAPPED, Task
from jobsched.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    StaleVersion,
    UnknownJob,
    UnknownTask,
    WebJobFolder,
    WrongMode,
)
from jobsched.model import EndedBy, Job, JobState, Mode, Run, RunState
from jobsched.operations import drafts
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.drafts import Draft
from jobsched.operations.policies import default_policy, merged
from jobsched.operations.queueing import Queue
from jobsched.storage import Store
from jobsched.storage.idempotency import IdempotencyKey
from jobsched.storage.jobviews import look_at
from jobsched.storage.newjobs import NewJob
from jobsched.storage.newruns import NewRun
from jobsched.storage.paging import Page
from jobsched.storage.searching import JobFilter
from jobsched.storage.services import Service
from jobsched.triggers import Trigger
from jobsched.webjobs import appsettings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job and what it is doing: its newest run, how many run and how many wait.

    *services* tells where a continuous job stands on each machine; None for all others.
    """

    job: Job
    last_run: Run | None
    running: int
    queued: int
    services: Sequence[Service] | None = None


class Jobs:
    """Scheduling and looking at jobs."""

    def __init__(
        self, store: Store, configuration: Configuration, queue: Queue, announce: Announcer
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._queue = queue
        self._announce = announce

    def mistakes(self, data: Mapping[str, Any]) -> list[FieldError]:
        """Return what is wrong with the trigger and parameters of a raw request for a job."""
        settings, catalog = self._configuration.settings, self._configuration.catalog
        calendars = self._configuration.calendars
        found = drafts.mistakes(data, catalog, clock.now_us(), settings.timezone, calendars)
        return found + drafts.run_as_mistakes(data.get("run_as"), settings)

    def schedule(self, draft: Draft, by: str, key: IdempotencyKey | None = None) -> Job:
        """Store a new job; it fires from now on unless it is paused or triggered.

        Raises: InvalidInput with every mistake, UnknownTask, KeyReused.
        """
        now_us = clock.now_us()
        if key is not None and (made := self._store.idempotency.made(key, now_us)) is not None:
            return self.get(made, deleted=True)
        task, trigger = self._checked(draft, now_us)
        new = self._new_job(draft, task, trigger, now_us)
        if draft.paused:
            new = _paused(new, by)
        job = self._store.jobs.add(new, key)
        if job.mode is Mode.CONTINUOUS:
            self._announce.supervisor()
        self._announce.job("added", job.id, by, name=job.name, task=job.task)
        return job

    def get(self, job_id: str, *, deleted: bool = False) -> Job:
        """Return a job; with *deleted* also one of which only the history is left.

        Raises: UnknownJob.
        """
        job = self._store.jobs.get(job_id, deleted=deleted)
        if job is None:
            raise UnknownJob(job_id)
        return job

    def show(self, job_id: str) -> JobView:
        """Return a job with what it is doing. Raises: UnknownJob."""
        sight = look_at(self._store.database, job_id)
        if sight is None:
            raise UnknownJob(job_id)
        return JobView(
            job=sight.job,
            last_run=sight.last_run,
            running=sight.running,
            queued=sight.queued,
            services=self._services([sight.job]).get(sight.job.key),
        )

    def view(self, job: Job) -> JobView:
        """Return *job* with what it is doing."""
        return self.views([job])[0]

    def list(self, filters: JobFilter, limit: int, cursor: str | None) -> Page[JobView]:
        """Return a page of the jobs that pass *filters*, oldest first."""
        page = self._store.jobs.list(filters, limit, cursor)
        return Page(values=[*self.views(page.values)], next=page.next)

    def views(self, jobs: Sequence[Job]) -> Sequence[JobView]:
        """Return *jobs* with what they are doing, in two queries for all of them."""
        keys = [job.key for job in jobs]
        last = self._store.runs.last_of_jobs(keys) if keys else {}
        counts = self._store.runs.counts_of_jobs(keys) if last else {}
        services = self._services(jobs)
        views = []
        for job in jobs:
            queued, running = counts.get(job.key, (0, 0))
            views.append(
                JobView(
                    job=job,
                    last_run=last.get(job.key),
                    running=running,
                    queued=queued,
                    services=services.get(job.key),
                )
            )
        return views

    def unschedule(
        self, job_id: str, by: str, *, stop: bool = False, version: int | None = None
    ) -> None:
        """Take a job off the list; its history stays. Runs that wait never start.

        What runs goes on to its end, or is stopped with *stop*; a continuous job is stopped in any
        case, everywhere. With a *version*, the job must still be at it.

        Raises: UnknownJob, StaleVersion, WebJobFolder.
        """
        job = self.get(job_id)
        if job.task == WEB_JOB:
            raise WebJobFolder(job.id, drafts.web_job_type(job), job.name)
        if not self._store.jobs.delete(job_id, version):
            raise StaleVersion(f"Job {self.get(job_id).id} has been changed since you read it.")
        states = [RunState.QUEUED, *([RunState.STARTING, RunState.RUNNING] if stop else [])]
        for run in self._store.runs.of_job(job.key, *states):
            self._queue.stop_if_alive(run.id, EndedBy.STOP, f"the job was deleted by {by}")
        if job.mode is Mode.CONTINUOUS:
            self._announce.supervisor()
        self._announce.job("deleted", job_id, by)

    def run(
        self, job_id: str, by: str, params: Mapping[str, Any], key: IdempotencyKey | None = None
    ) -> Run:
        """Queue a run of the job now, with *params* over its own.

        Raises: UnknownJob, InvalidInput, JobBusy, QueueFull, Conflict, WrongMode, KeyReused.
        """
        if (made := self._queue.made(key)) is not None:
            return made
        return self._queue.add(self.new_run(job_id, by, params), key)

    def new_run(self, job_id: str, by: str, params: Mapping[str, Any]) -> NewRun:
        """Return a run of the job that may be queued now, with *params* over its own.

        Raises: UnknownJob, InvalidInput, Conflict, WrongMode.
        """
        job = self.get(job_id)
        if job.task == WEB_JOB:
            self._require_not_held()
        if job.mode is Mode.CONTINUOUS:
            raise WrongMode(
                f"Job {job_id} is continuous: it is started and stopped, not run.", job=job_id
            )
        if job.task == WRAPPED:
            why = "it only records what jobsched wrap runs elsewhere"
            raise WrongMode(f"Job {job_id} cannot be started here: {why}.", job=job_id)
        task = self._task_of(job)
        if wrong := drafts.params_mistakes(task, params):
            raise InvalidInput(wrong)
        return NewRun(
            name=job.name,
            task=job.task,
            created_us=clock.now_us(),
            job_key=job.key,
            params={**job.params, **params},
            policy=job.policy,
            requested_by=by,
        )

    def _services(self, jobs: Sequence[Job]) -> dict[int, Sequence[Service]]:
        keys = [job.key for job in jobs if job.mode is Mode.CONTINUOUS]
        found = self._store.services.of_jobs(keys) if keys else {}
        return {key: found.get(key, ()) for key in keys}

    def _require_not_held(self) -> None:
        """Raise Conflict while no web job shall run."""
        if appsettings.read(self._store.switches, self._configuration.settings).stopped:
            raise Conflict(f"No web job runs at present: {appsettings.STOPPED} is set.")

    def _task_of(self, job: Job) -> Task:
        try:
            return self._configuration.catalog.get(job.task)
        except UnknownTask as error:
            raise Conflict(f"{error.detail} The job cannot run.", task=job.task) from error

    def _checked(self, draft: Draft, now_us: int) -> tuple[Task, Trigger | None]:
        """Return the task and the trigger that *draft* names.

        Raises: InvalidInput with every mistake; UnknownTask when that is the only one.
        """
        settings, catalog = self._configuration.settings, self._configuration.catalog
        wrong = drafts.run_as_mistakes(draft.policy.get("run_as"), settings)
        wrong += drafts.service_mistakes(draft.mode, draft.policy)
        trigger: Trigger | None = None
        try:
            trigger = self._read(draft, now_us)
        except InvalidInput as refusal:
            wrong.extend(refusal.errors)
        if draft.task in catalog:
            wrong.extend(drafts.params_mistakes(catalog.get(draft.task), draft.params))
        if wrong:
            raise InvalidInput(wrong)
        return catalog.offered(draft.task), trigger

    def _read(self, draft: Draft, now_us: int) -> Trigger | None:
        timezone, calendars = self._configuration.settings.timezone, self._configuration.calendars
        return drafts.read_trigger(draft.mode, draft.trigger, now_us, timezone, calendars)

    def _new_job(self, draft: Draft, task: Task, trigger: Trigger | None, now_us: int) -> NewJob:
        default = default_policy(task, self._configuration.settings.job_defaults, trigger)
        first = None if trigger is None else trigger.first(now_us)
        return NewJob(
            id=str(uuid.uuid4()),
            name=draft.name,
            task=draft.task,
            mode=Mode.SCHEDULED if trigger is not None else draft.mode or Mode.TRIGGERED,
            created_us=now_us,
            trigger=None if trigger is None else trigger.stored(),
            policy=merged(default, default, draft.policy),
            params=draft.params,
            group=draft.group,
            tags=draft.tags,
            description=draft.description,
            next_us=first,
        )


def _paused(new: NewJob, by: str) -> NewJob:
    """Return *new* as a job whose first moment waits for somebody to resume it."""
    reason = f"paused by {by}"
    return replace(
        new, state=JobState.PAUSED, state_reason=reason, next_us=None, paused_us=new.next_us
    )
