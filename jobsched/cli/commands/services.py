"""``jobsched services``: the continuous jobs: list, start, stop, restart."""

import time
from typing import Any

from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import Session, session
from jobsched.client.failures import TimeIsUp

_HEAD = "ID NAME STATE NODE SERVICE RUN SINCE RESTARTS NEXT_TRY"
_STOPPED = frozenset({"stopped", "inactive"})
_LOOK = 0.2  # seconds between two looks at a service that stops
_USUAL = 60.0  # seconds that a stop may take: longer than the grace that jobs mostly have


def add(commands: Commands, name: str, about: str) -> None:
    """Add the noun and its verbs."""
    verbs = base.noun(commands, name, about, "jobsched services list")
    about = "list continuous jobs, and where they stand on each machine"
    example = "jobsched services list --json"
    base.limit(base.server(base.command(verbs, "list", session(_list), about, example)))
    about = "start a continuous job; one that runs goes on"
    example = "jobsched services start listener"
    base.job(base.server(base.command(verbs, "start", session(_start), about, example)))
    about = "stop a continuous job until it is started"
    example = "jobsched services stop listener"
    base.job(base.server(base.command(verbs, "stop", session(_stop), about, example)))
    about = "stop a continuous job, wait until it has ended, and start it"
    example = "jobsched services restart listener"
    parser = base.command(verbs, "restart", session(_restart), about, example)
    base.job(base.server(parser))
    base.at_most(parser, "wait no longer than this (60s) for its end, then return 124")


def _list(asked: Session) -> None:
    jobs = asked.api.values("/jobs", {"mode": "continuous"}, asked.arguments.limit)
    if asked.arguments.json:
        asked.list(jobs, _HEAD, tuple)
        return
    places = ({"job": job, **place} for job in jobs for place in job["service"] or [{}])
    asked.list(places, _HEAD, _row)


def _row(place: dict[str, Any]) -> tuple[object, ...]:
    job = place["job"]
    known = (place.get(name) for name in ("node", "state", "run", "since", "restarts", "next_try"))
    return (job["id"], job["name"], job["state"], *known)


def _start(asked: Session) -> None:
    _done(asked, asked.api.change("POST", f"/jobs/{_job_id(asked)}/start").json, "started")


def _stop(asked: Session) -> None:
    _done(asked, asked.api.change("POST", f"/jobs/{_job_id(asked)}/stop").json, "stopped")


def _restart(asked: Session) -> None:
    path = f"/jobs/{_job_id(asked)}"
    job = asked.api.change("POST", f"{path}/stop").json
    longest = asked.arguments.at_most
    deadline = time.monotonic() + (_USUAL if longest is None else longest)
    with asked.progress(f"{job['name']} stops") as progress:
        while not _is_stopped(job):
            if time.monotonic() > deadline:
                raise TimeIsUp(f"{job['name']!r} has not ended yet; it stays stopped.")
            progress.tell(f"{job['running']} running")
            time.sleep(_LOOK)
            job = asked.api.get(path)
    _done(asked, asked.api.change("POST", f"{path}/start").json, "started again")


def _is_stopped(job: dict[str, Any]) -> bool:
    places = job["service"] or []
    return job["running"] == 0 and all(place["state"] in _STOPPED for place in places)


def _done(asked: Session, job: dict[str, Any], what: str) -> None:
    if asked.arguments.json:
        asked.document(job)
    asked.say(f"{job['name']!r} is {what}.")


def _job_id(asked: Session) -> str:
    from jobsched.client import finding

    return finding.job_id(asked.api, asked.arguments.job)
