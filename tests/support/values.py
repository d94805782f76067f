"""Values of the model for unit tests: only what matters to a test has to be said."""

from datetime import UTC, datetime
from typing import Any

from jobsched.model import Counts, Policy, Run, RunState

MOMENT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def run_of(**changes: Any) -> Run:
    """Return a starting run, number 12345, in its second claim, with *changes*."""
    values: dict[str, Any] = {
        "id": 12345,
        "job_key": None,
        "job_id": None,
        "name": "nightly",
        "task": "hello",
        "state": RunState.STARTING,
        "queue": "default",
        "priority": 0,
        "params": {},
        "policy": Policy(),
        "requested_by": None,
        "due_at": None,
        "created_at": MOMENT,
        "not_before": None,
        "started_at": None,
        "ended_at": None,
        "attempt": 1,
        "claim": 2,
        "retry_of": None,
        "retried_by": None,
        "node": "here",
        "exit_code": None,
        "signal": None,
        "ended_by": None,
        "reason": None,
        "counts": Counts(),
        "progress": None,
        "progress_text": None,
        "cpu_seconds": None,
        "peak_memory": None,
        "out_bytes": 0,
        "err_bytes": 0,
    }
    return Run(**(values | changes))
