"""Runs as clients of Celigo's job API know them (seed 003): a view on runs of the core."""

from jobsched.web.celigo import jobs, records, retries
from jobsched.web.celigo.blueprint import celigo

__all__ = ["celigo", "jobs", "records", "retries"]
