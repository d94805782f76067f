"""The places of a web job's run made ready: its data folder, its copies, its shutdown file."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jobsched.execution.protocol import Message
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.model import WebJob
from jobsched.webjobs import access, runids
from jobsched.webjobs.places import SCHEDULER_LOGS, Site


def make_ready(site: Site, webjob: WebJob, run_as: Message | None, logs: Collection[str]) -> None:
    """Let a run of *webjob* get at what is its own, and no other user at anything.

    *logs* are the names of files in the data folder that stay the server's. Raises: CannotStart
    when the user of *run_as* could not get there; else the script may not want to.
    """
    data = site.data(webjob.type, webjob.name)
    if run_as is None:
        with suppress(OSError):
            _take(data, logs)
        return
    try:
        data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _let_through(site, webjob, data)
        _hand_over(data, (run_as["uid"], run_as["gid"]), logs)
    except OSError as error:
        why = f"cannot be given to {run_as['name']}, as whom it runs: {error.strerror}"
        raise CannotStart(f"The data folder {data} {why}.") from error


def _take(data: Path, logs: Collection[str]) -> None:
    """Make the data folder ours, if another user had it: only root can."""
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        _hand_over(data, (0, os.getegid()), logs)
    else:
        data.mkdir(mode=0o700, exist_ok=True)


def _hand_over(data: Path, owner: access.Owner, logs: Collection[str]) -> None:
    kept = {*logs, *SCHEDULER_LOGS}
    access.hand_over(data, owner, lambda name: name in kept or runids.span(name) is not None)


def _let_through(site: Site, webjob: WebJob, data: Path) -> None:
    passed = [place(webjob.type, webjob.name) for place in (site.copies, site.shutdown)]
    access.let_through(site.root, [data, *passed])
    for folder in passed:
        access.make_passable(folder)
