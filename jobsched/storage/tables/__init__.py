"""The tables: every fact jobsched keeps. Private to ``storage``.

Instants are integer microseconds since 1970 UTC (``_us``). Enum values are stored as the words
of ``model``. JSON is stored as text: compact, sorted keys, only what differs from a default.
"""

from jobsched.storage.tables.base import metadata
from jobsched.storage.tables.jobs import jobs, services, webjobs
from jobsched.storage.tables.ledger import day_counts, occurrences
from jobsched.storage.tables.runs import (
    attached,
    failures,
    flow_runs,
    outputs,
    records,
    reports,
    runs,
)
from jobsched.storage.tables.server import (
    audit,
    deliveries,
    hooks,
    idempotency,
    leases,
    nodes,
    switches,
    tokens,
)

__all__ = [
    "attached", "audit", "day_counts", "deliveries", "failures", "flow_runs", "hooks",
    "idempotency", "jobs", "leases", "metadata", "nodes", "occurrences", "outputs", "records",
    "reports", "runs", "services", "switches", "tokens", "webjobs",
]  # fmt: skip
