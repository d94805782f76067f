"""Web jobs as clients of Kudu know them: a view on jobs and runs of the core."""

from jobsched.web.kudu import (
    arm,
    continuous,
    dashboard,
    deploying,
    jobs,
    passthrough,
    site,
    triggered,
)
from jobsched.web.kudu.blueprint import kudu

__all__ = [
    "arm", "continuous", "dashboard", "deploying", "jobs", "kudu", "passthrough", "site",
    "triggered",
]  # fmt: skip
