"""The addresses in job and run objects: absolute, and each of them answers."""

from urllib.parse import quote

from flask import request

from jobsched.model import WebJobType


def job_url(kind: WebJobType, name: str) -> str:
    """Return where a job's object is."""
    return f"{_base()}/api/{kind}webjobs/{quote(name)}"


def history_url(name: str) -> str:
    """Return where the runs of a triggered job are."""
    return f"{job_url(WebJobType.TRIGGERED, name)}/history"


def run_url(name: str, run_id: str) -> str:
    """Return where a run is."""
    return f"{history_url(name)}/{run_id}"


def page_url(kind: WebJobType, name: str) -> str:
    """Return where people look at a job."""
    return f"{_base()}/azurejobs/#/jobs/{kind}/{quote(name)}"


def file_url(kind: WebJobType, name: str, *path: str) -> str:
    """Return where a file in a job's data folder is."""
    return "/".join((f"{_base()}/vfs/data/jobs/{kind}", quote(name), *path))


def _base() -> str:
    return request.url_root.rstrip("/")
