"""Jobs and runs to put into a store: only what matters to a test has to be said."""

import uuid
from typing import Any

from jobsched.clock import SECOND
from jobsched.model import EndedBy, Job, Mode, Policy, Run
from jobsched.storage import Store
from jobsched.storage.newjobs import NewJob
from jobsched.storage.newruns import NewRun

NOON = 1_700_000_000 * SECOND


def new_job(**changes: Any) -> NewJob:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "name": "backup",
        "task": "runscript",
        "mode": Mode.SCHEDULED,
        "created_us": NOON,
        "trigger": {"interval": {"seconds": 60}, "start": "2023-11-14T22:13:20.000000Z"},
        "next_us": NOON + 60 * SECOND,
    }
    return NewJob(**(values | changes))


def add_job(store: Store, **changes: Any) -> Job:
    return store.jobs.add(new_job(**changes))


def new_run(job: Job | None = None, **changes: Any) -> NewRun:
    values: dict[str, Any] = {"name": "backup", "task": "runscript", "created_us": NOON}
    if job is not None:
        values |= {"name": job.name, "task": job.task, "job_key": job.key, "policy": job.policy}
    return NewRun(**(values | changes))


def add_run(store: Store, job: Job | None = None, **changes: Any) -> Run:
    return store.runs.add(new_run(job, **changes))


__all__ = ["NOON", "EndedBy", "Policy", "add_job", "add_run", "new_job", "new_run"]
