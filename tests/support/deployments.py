"""Deployments of web jobs without a server, also such as are killed at any moment."""

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from jobsched.webjobs.choice import Scripts
from jobsched.webjobs.deployment import Deployments, Place
from jobsched.webjobs.places import Site, WebJobType
from tests.support import zips

TRIGGERED = WebJobType.TRIGGERED
SCRIPTS = Scripts(suffixes=(".cmd", ".sh", ".py"), can_run=lambda _path: True)
OLD = {"run.sh": b"echo old\n", "data/keep.txt": b"kept"}
NEW = {"run.sh": b"echo new\n", "data/more.txt": b"more"}


def put(deployments: Deployments, name: str, files: dict[str, bytes] | bytes) -> Place:
    """Replace all of a triggered job by a zip file of *files*, or by just these bytes."""
    place = deployments.place(TRIGGERED, name)
    with deployments.upload(place) as entry:
        entry.receive(io.BytesIO(files if isinstance(files, bytes) else zips.zipped(files)))
        deployments.replace_by_archive(place, entry)
    return place


def merge(deployments: Deployments, name: str, files: dict[str, bytes]) -> Place:
    """Lay a zip file of *files* over a triggered job."""
    place = deployments.place(TRIGGERED, name)
    with deployments.upload(place) as entry:
        entry.receive(io.BytesIO(zips.zipped(files)))
        deployments.merge_archive(place, entry)
    return place


def put_file(deployments: Deployments, name: str, file: str, data: bytes, how: str) -> Place:
    """Deploy one file; *how* is the name of the method for that."""
    place = deployments.place(TRIGGERED, name)
    with deployments.upload(place) as entry:
        entry.receive(io.BytesIO(data))
        getattr(deployments, how)(place, entry, file)
    return place


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what the files below *folder* hold, by path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def staged(site: Site) -> list[Path]:
    """Return what uploads have left."""
    return list(site.staging().rglob("*")) if site.staging().exists() else []


def killed_at(moment: int, work: Callable[[], object]) -> bool:
    """Do *work* in a child that kills itself before change number *moment* on the disk."""
    pid = os.fork()
    if pid == 0:
        try:
            sys.addaudithook(_Death(moment))
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


class _Death:
    """Counts what Python does to the disk; the last thing it counts is not done."""

    EVENTS = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "open"})

    def __init__(self, moment: int) -> None:
        self._left = moment

    def __call__(self, event: str, _arguments: object) -> None:
        if event in self.EVENTS:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def all_deaths(work: Callable[[], object], check: Callable[[], None]) -> int:
    """Let *work* die at every moment it has, and *check* after each; return how many there are."""
    moment = 0
    while killed_at(moment, work):
        check()
        moment += 1
    check()
    return moment
