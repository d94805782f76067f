"""Which web jobs a change on disk is about, and whether a disk tells of changes at all."""

import re
from collections.abc import Iterable
from pathlib import Path

from jobsched.webjobs.discovery import Name
from jobsched.webjobs.fingerprint import is_lock
from jobsched.webjobs.places import Site

MOUNTS = Path("/proc/self/mountinfo")
# What others change on these is not told to this machine.
_SILENT = re.compile(r"nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|vboxsf|virtiofs|fuse(\..+)?")


def names_of(site: Site, paths: Iterable[Path]) -> set[Name] | None:
    """Return the jobs in whose folders *paths* lie; None when that cannot be said of all."""
    roots = list(site.kinds())
    names: set[Name] = set()
    for path in paths:
        near = next((each for each in roots if path.is_relative_to(each[1])), None)
        if near is None or path == near[1]:
            return None
        kind, root = near
        names.add((kind, path.relative_to(root).parts[0].lower()))
    return names


def matters(path: Path) -> bool:
    """Return whether a change of *path* may be one of a job: not of locks and unfinished files."""
    return not is_lock(path.name)


def are_told(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Return whether this machine hears of every change below *folder*, as on its own disks."""
    best, kind = Path(), ""
    for line in _lines(mounts):
        left, _, right = line.partition(" - ")
        words = left.split(" ")
        place = Path(words[4].replace("\\040", " ")) if len(words) > 4 else Path()
        longer = len(place.parts) >= len(best.parts)
        if folder.is_relative_to(place) and place.is_absolute() and longer:
            best, kind = place, right.split(" ")[0]
    return _SILENT.fullmatch(kind) is None


def _lines(mounts: Path) -> list[str]:
    try:
        return mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return []
