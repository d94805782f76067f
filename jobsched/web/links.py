"""The addresses of things, absolute, as the client may follow them."""

from functools import lru_cache
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, current_app, request, url_for

_JOB = UUID(int=0)
_RUN = 0


def job_url(job_id: str) -> str:
    """Return where a job is."""
    return _prefixes()[0] + job_id


def run_url(run_id: int) -> str:
    """Return where a run is."""
    return _prefixes()[1] + str(run_id)


def next_url(cursor: str | None) -> str | None:
    """Return where the page of *cursor* of the present list is, None when there is none."""
    if cursor is None:
        return None
    query = {**request.args.to_dict(), "cursor": cursor}
    return f"{request.base_url}?{urlencode(query)}"


def _prefixes() -> tuple[str, str]:
    return _resolved(current_app._get_current_object(), request.url_root)  # type: ignore[attr-defined]  # noqa: SLF001


@lru_cache(maxsize=64)
def _resolved(_app: Flask, _root: str) -> tuple[str, str]:
    """Return what the addresses of jobs and runs begin with; asking Flask each time is slow."""
    job = url_for("native.show_job", job_id=_JOB, _external=True)
    run = url_for("native.show_run", run_id=_RUN, _external=True)
    return job.removesuffix(str(_JOB)), run.removesuffix(str(_RUN))
