"""What web hooks are told, beside Kudu's run object: one object for each of our own events."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobsched.clock import from_us
from jobsched.model import Run
from jobsched.storage.deliveries import Delivery
from jobsched.storage.hooks import Hook

Body = dict[str, Any]


def body_of(hook: Hook, delivery: Delivery, run: Run | None) -> Body:
    """Return what *hook* is told by *delivery*; links begin with the hook's base URL.

    ``event``, ``at``, ``job`` (``id``, ``name``, ``url``) and ``run``, null without one, and what
    belongs to the event: ``due``, ``count``, ``reason`` of moments that were missed; ``exits``,
    ``node`` and ``next_try`` of a restart loop.
    """
    return {
        "event": delivery.event,
        "at": _iso(delivery.created_at),
        "job": _job(hook, delivery),
        "run": None if run is None else _run(hook, run),
        **_facts(delivery.facts),
    }


def text_of(body: Mapping[str, Any]) -> str:
    """Return *body* as it is posted."""
    return json.dumps(body, ensure_ascii=False)


def _job(hook: Hook, delivery: Delivery) -> Body | None:
    if delivery.job_id is None:
        return None
    url = f"{hook.base_url}/jobs/{delivery.job_id}"
    return {"id": delivery.job_id, "name": delivery.job_name, "url": url}


def _run(hook: Hook, run: Run) -> Body:
    return {
        "id": run.id,
        "name": run.name,
        "task": run.task,
        "state": run.state.value,
        "outcome": None if run.outcome is None else run.outcome.value,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "ended_by": None if run.ended_by is None else run.ended_by.value,
        "reason": run.reason,
        "due_at": _iso(run.due_at),
        "started_at": _iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "attempt": run.attempt,
        "retried_by": run.retried_by,
        "node": run.node,
        "url": f"{hook.base_url}/runs/{run.id}",
    }


def _facts(facts: Mapping[str, Any]) -> Body:
    """Return *facts* with their moments (``due_us``) as instants (``due``)."""
    return {
        name.removesuffix("_us"): _iso(from_us(value)) if name.endswith("_us") else value
        for name, value in facts.items()
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()[:-6] + "Z"
