"""The probes: is it alive, is it ready, and figures for Prometheus.

Alive means that this process answers. Ready means that jobs fire: the database answers and has
this version's shape, a scheduler leads and has renewed its lead lately, and there is room to write.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Blueprint, Response

from jobsched import clock, metrics
from jobsched.errors import JobschedError, Unavailable
from jobsched.scheduling.leader import LEASE_SECONDS, RENEW_SECONDS
from jobsched.storage import Store
from jobsched.storage.figures import is_up_to_date
from jobsched.storage.firing import LEASE
from jobsched.web.answers import answer
from jobsched.web.context import operations
from jobsched.web.openapi import describes
from jobsched.web.payloads.base import Payload

# A lead that was not renewed twice in a row is stale, though it has not run out yet.
FRESH_US = round((LEASE_SECONDS - 2 * RENEW_SECONDS) * clock.SECOND)
# With less room next to nothing can be written: neither what fires nor what is asked for.
LEAST_BYTES = 1_000_000

health = Blueprint("health", __name__)


class Health(Payload):
    """The answer of a process that lives."""

    status: str


class Readiness(Payload):
    """The answer of a server that fires jobs; each check is ``ok``."""

    status: str
    checks: dict[str, str]


@health.get("/healthz")
@describes(answers={200: Health})
def healthz() -> Response:
    """Whether this process answers; asks nobody else. Needs no token."""
    return answer({"status": "alive"})


@health.get("/readyz")
@describes(answers={200: Readiness}, errors=(Unavailable,))
def readyz() -> Response:
    """Whether jobs fire: database, its shape, a leader, its ticks, disk. Needs no token."""
    checks = {name: _verdict(check) for name, check in _CHECKS.items()}
    checks["disk"] = _room(operations.configuration.settings.data_dir)
    failed = [f"{name}: {verdict}" for name, verdict in checks.items() if verdict != "ok"]
    if failed:
        raise Unavailable(f"Not ready: {', '.join(failed)}.", retry_after=1)
    return answer({"status": "ready", "checks": checks})


@health.get("/metrics")
@describes(answers={200: "text/plain"}, errors=(Unavailable,))
def figures() -> Response:
    """Figures in Prometheus' text format."""
    return Response(metrics.text(operations.store), content_type=metrics.CONTENT_TYPE)


def _verdict(check: Callable[[Store], bool]) -> str:
    try:
        return "ok" if check(operations.store) else "failed"
    except JobschedError:
        return "database does not answer"


def _room(data_dir: Path) -> str:
    try:
        disk = os.statvfs(data_dir)
    except OSError:
        return "failed"
    return "ok" if disk.f_bavail * disk.f_frsize >= LEAST_BYTES else "full"


def _answers(store: Store) -> bool:
    store.leases.read(LEASE)
    return True


def _has_shape(store: Store) -> bool:
    return is_up_to_date(store.database)


def _leads(store: Store) -> bool:
    return _lead_left(store) > 0


def _ticks(store: Store) -> bool:
    return _lead_left(store) > FRESH_US


def _lead_left(store: Store) -> int:
    """Return for how many microseconds the lead is still held."""
    lease = store.leases.read(LEASE)
    return 0 if lease is None else lease.expires_us - clock.now_us()


_CHECKS: Mapping[str, Callable[[Store], bool]] = {
    "database": _answers,
    "migrations": _has_shape,
    "leader": _leads,
    "ticks": _ticks,
}
