"""The native API of spec and documentation: jobs, runs, catalog, tokens, the server itself."""

from jobsched.web.native import (
    admin,
    catalog,
    jobs,
    output,
    records,
    reports,
    retries,
    runs,
    triggers,
    upcoming,
)
from jobsched.web.native.blueprint import native

__all__ = [
    "admin",
    "catalog",
    "jobs",
    "native",
    "output",
    "records",
    "reports",
    "retries",
    "runs",
    "triggers",
    "upcoming",
]
