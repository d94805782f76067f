"""The APScheduler job store over our own table of jobs: plain columns, never a pickle.

Its jobs fire by themselves: asked for due jobs it runs our firing transaction and returns none,
so that under a stock scheduler, too, each moment fires exactly once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from apscheduler.job import Job as ApschedulerJob
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError

from jobsched import clock
from jobsched.errors import Conflict, JobschedError, UnknownJob
from jobsched.model import CatchUp, Job, JobState, Misfire, Mode, Policy
from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.executor import run_task
from jobsched.scheduling.firer import Firer
from jobsched.scheduling.planning import default_grace
from jobsched.storage import Store
from jobsched.storage.newjobs import NewJob
from jobsched.storage.searching import JobFilter
from jobsched.triggers import Trigger, restore

PAGE = 1000


def _tell_nobody(topic: str) -> None:
    del topic


class JobStore(BaseJobStore):  # type: ignore[misc]  # APScheduler is untyped
    """Jobs that call :func:`run_task` with one of our triggers, kept in our database.

    *store* is an open one; with *url* the store opens and closes its own. Triggers may name the
    calendars of *almanac*.
    """

    def __init__(
        self,
        store: Store | None = None,
        url: str | None = None,
        notify: Callable[[str], None] = _tell_nobody,
        almanac: Almanac | None = None,
    ) -> None:
        if store is None and url is None:
            raise ValueError("JobStore needs a store or the url of its database.")
        self._own = store is None
        self._store = Store.open(str(url), migrate=True) if store is None else store
        self._almanac = almanac or Almanac()
        self.firer = Firer.of(self._store, notify, self._almanac)

    def shutdown(self) -> None:
        """Give up the lead; close the database if it was opened here."""
        self.firer.leader.resign()
        if self._own:
            self._store.close()

    def get_due_jobs(self, now: datetime) -> list[ApschedulerJob]:
        """Fire what is due by ourselves; there is nothing left for the scheduler to do."""
        del now
        self.firer.fire()
        return []

    def get_next_run_time(self) -> datetime | None:
        """Return when to look again; never raises, for that would end a stock scheduler."""
        try:
            next_us = self._store.firing.next_us()
        except JobschedError:
            return clock.now() + timedelta(seconds=1)
        if next_us is None:
            return None
        # What is due by now waits for its leader, or for the next batch.
        return max(clock.from_us(next_us), clock.now() + timedelta(milliseconds=5))

    def lookup_job(self, job_id: str) -> ApschedulerJob | None:
        """Return the job, None if there is none with a trigger."""
        job = self._store.jobs.get(job_id)
        return None if job is None or job.trigger is None else self._shown(job)

    def get_all_jobs(self) -> list[ApschedulerJob]:
        """Return every job with a trigger, the next due first."""
        found = [self._shown(job) for job in self._all() if job.trigger is not None]
        late = datetime.max.replace(tzinfo=clock.now().tzinfo)
        return sorted(found, key=lambda job: job.next_run_time or late)

    def add_job(self, job: ApschedulerJob) -> None:
        """Store a new job. Raises: ConflictingIdError; ValueError for a function not ours."""
        task, params = _task_of(job)
        new = NewJob(
            id=job.id,
            name=job.name,
            task=task,
            mode=Mode.SCHEDULED,
            created_us=clock.now_us(),
            trigger=_trigger_of(job).stored(),
            policy=_policy_of(job),
            params=params,
            next_us=_next_of(job),
            state=_state_of(job),
        )
        try:
            self._store.jobs.add(new)
        except Conflict as error:
            raise ConflictingIdError(job.id) from error

    def update_job(self, job: ApschedulerJob) -> None:
        """Store the changed job. Raises: JobLookupError."""
        task, params = _task_of(job)
        changes: dict[str, object] = {
            "name": job.name,
            "task": task,
            "params": params,
            "trigger": _trigger_of(job).stored(),
            "next_us": _next_of(job),
            "state": _state_of(job),
        }
        try:
            self._store.jobs.change(job.id, None, changes)
        except UnknownJob as error:
            raise JobLookupError(job.id) from error

    def remove_job(self, job_id: str) -> None:
        """Take the job off the list; its history stays. Raises: JobLookupError."""
        if not self._store.jobs.delete(job_id):
            raise JobLookupError(job_id)

    def remove_all_jobs(self) -> None:
        """Take every job off the list."""
        for job in [*self._all()]:
            self._store.jobs.delete(job.id)

    def _all(self) -> Iterator[Job]:
        cursor: str | None = None
        while True:
            page = self._store.jobs.list(JobFilter(), PAGE, cursor)
            yield from page.values
            if (cursor := page.next) is None:
                return

    def _shown(self, job: Job) -> ApschedulerJob:
        """Return *job* as APScheduler knows it."""
        assert job.trigger is not None  # noqa: S101 - narrows a type
        shown = ApschedulerJob(
            self._scheduler,
            id=job.id,
            name=job.name,
            func=run_task,
            args=(job.task,),
            kwargs=dict(job.params),
            trigger=restore(job.trigger, self._almanac.calendars),
            executor="default",
            misfire_grace_time=max(1, round(job.policy.misfire.grace or 0)) or None,
            coalesce=job.policy.misfire.catch_up is not CatchUp.ALL,
            max_instances=job.policy.max_instances,
            next_run_time=job.next_run if job.state is JobState.ACTIVE else None,
        )
        shown._jobstore_alias = self._alias  # noqa: SLF001 - asked for by BaseJobStore
        return shown


def _task_of(job: ApschedulerJob) -> tuple[str, dict[str, object]]:
    if job.func is not run_task or len(job.args) != 1:
        raise ValueError(f"Job {job.id} must call {run_task.__module__}:run_task with its task.")
    return job.args[0], dict(job.kwargs)


def _trigger_of(job: ApschedulerJob) -> Trigger:
    if not isinstance(job.trigger, Trigger):
        raise ValueError(f"Job {job.id} needs a trigger of jobsched.triggers.")  # noqa: TRY004
    return job.trigger


def _policy_of(job: ApschedulerJob) -> Policy:
    # One second is the default of APScheduler, which nobody means.
    grace = job.misfire_grace_time
    chosen = default_grace(_trigger_of(job)) if grace == 1 else grace
    catch_up = CatchUp.LAST if job.coalesce else CatchUp.ALL
    misfire = Misfire(grace=chosen, catch_up=catch_up)
    return Policy(max_instances=job.max_instances, misfire=misfire)


def _next_of(job: ApschedulerJob) -> int | None:
    return None if job.next_run_time is None else clock.to_us(job.next_run_time)


def _state_of(job: ApschedulerJob) -> JobState:
    return JobState.PAUSED if job.next_run_time is None else JobState.ACTIVE
