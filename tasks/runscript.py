"""Runs the script named by the argument ``script``, for JOB_LIVETIME seconds at the most."""

from jobsched.execution.script import RunScript

__all__ = ["RunScript"]
