"""The native API of spec and documentation: jobs, runs, catalog, tokens, the server itself."""

from jobsched.web.native import (
    admin,
    catalog,
    jobs,
    output,
    records,
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
    "retries",
    "runs",
    "triggers",
    "upcoming",
]
