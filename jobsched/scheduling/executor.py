"""The APScheduler executor that queues a run instead of running anything itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apscheduler.executors.base import BaseExecutor

from jobsched import clock
from jobsched.storage import Store
from jobsched.storage.newruns import NewRun


def run_task(task: str, **params: object) -> None:
    """Stand for a *task* of the catalog where APScheduler wants a function.

    Raises: RuntimeError always; a job with this function belongs to the QueueExecutor.
    """
    raise RuntimeError(f"Task {task} with {sorted(params)} runs through the QueueExecutor only.")


class QueueExecutor(BaseExecutor):  # type: ignore[misc]  # APScheduler is untyped
    """Queues a run per due time for jobs of other stores, whose function is :func:`run_task`.

    Such a store moves its job on by itself afterwards, so a crash in between repeats the run.
    Jobs of our own store never come here: their firing writes the runs.
    """

    def __init__(self, store: Store | None = None, url: str | None = None) -> None:
        super().__init__()
        self._store = store
        self._url = url

    def start(self, scheduler: Any, alias: str) -> None:
        """Open the database unless one was given."""
        super().start(scheduler, alias)
        if self._store is None:
            if self._url is None:
                raise ValueError("QueueExecutor needs a store or the url of its database.")
            self._store = Store.open(self._url, migrate=True)

    def submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        """Queue a run of *job* for each of *run_times*; overlap is settled by their claims."""
        self._do_submit_job(job, run_times)

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        if self._store is None or job.func is not run_task:
            raise ValueError(f"Job {job.id} does not call jobsched.scheduling.executor:run_task.")
        task, params = job.args[0], dict(job.kwargs)
        for due in run_times:
            self._store.runs.add(
                NewRun(
                    name=job.name,
                    task=task,
                    params=params,
                    created_us=clock.now_us(),
                    due_us=clock.to_us(due),
                )
            )
