"""Jobs and runs to put into a store: only what matters to a test has to be said."""

import uuid
from typing import Any

from jobsched.clock import SECOND
from jobsched.model import End, EndedBy, Job, Mode, Run
from jobsched.storage import Store
from jobsched.storage.claims import Claim, Settled, Settlement
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


def claim_all(store: Store, limit: int = 100, now_us: int = NOON) -> list[Claim]:
    """Give what waits to the machine ``here``."""
    return store.claims.claim("here", "boot", ["r1", "r2"], limit, now_us)


def settle(store: Store, run: Run, claim: int = 1, **facts: Any) -> list[Settled]:
    """Settle the end of a run: by itself, with exit code 0, unless *facts* say otherwise."""
    end = end_of(run, claim, **facts)
    return store.claims.settle([Settlement(end=end)], NOON + SECOND)


def end_of(run: Run, claim: int = 1, **facts: Any) -> End:
    """Return the end of a run: by itself, with exit code 0, unless *facts* say otherwise."""
    values: dict[str, Any] = {"ended_by": EndedBy.EXIT, "exit_code": 0, "ended_us": NOON + SECOND}
    return End(run_id=run.id, claim=claim, **(values | facts))


def reread(store: Store, run: Run) -> Run:
    """Return the run as it is now."""
    found = store.runs.get(run.id)
    assert found is not None
    return found
