"""What the next version of a job is made of: what has come, alone or over what is there."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from jobsched.errors import InvalidInput
from jobsched.webjobs.moving import TICK
from jobsched.webjobs.staging import FOLDER_MODE, Entry

_BLOCK = 1 << 18
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_COPIED = frozenset({stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK})


def make(folder: Path) -> None:
    """Make a folder that everybody may read."""
    folder.mkdir()
    folder.chmod(FOLDER_MODE)


def take_file(entry: Entry, folder: Path, name: str) -> None:
    """Make the received body the one file of *folder*; executable, as a program has to be."""
    make(folder)
    entry.body.rename(folder / name)
    folder.joinpath(name).chmod(FOLDER_MODE)


def replace(present: Path, entry: Entry) -> None:
    """Let ``new`` be what came, told apart from the *present* version."""
    _tell_apart(entry.new, present)


def lay_over(present: Path, entry: Entry) -> None:
    """Make ``new`` of what was added, and of all that it leaves of the *present* version.

    Raises: InvalidInput where a file would come over a folder, or anything over what is neither.
    """
    _tell_apart(entry.added, present)
    entry.added.rename(entry.new)
    if present.is_dir():
        _complete(entry.new, present)


def _complete(new: Path, present: Path) -> None:
    """Copy into *new* what only *present* has: nothing is copied only to be overwritten."""
    for path in present.iterdir():
        copy, kind = new / path.name, stat.S_IFMT(path.lstat().st_mode)
        if kind not in _COPIED:
            continue
        if not os.path.lexists(copy):
            _copy(path, copy, kind)
        elif kind != stat.S_IFMT(copy.lstat().st_mode):
            message = f"{path.name} is something else in what is there already."
            raise InvalidInput.field("zip", "kind", message)
        elif kind == stat.S_IFDIR:
            _complete(copy, path)
    shutil.copymode(present, new)


def _copy(source: Path, target: Path, kind: int) -> None:
    """Copy a file, a folder or a link with its mode and times; nothing else can be copied."""
    if kind == stat.S_IFDIR:
        target.mkdir()
        _complete(target, source)
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _tell_apart(new: Path, present: Path) -> None:
    """Move on the time of each file that differs from the present one and bears its time.

    Archives made by build tools have one time for all their files, and it is by their times that
    clients and the server itself see that files have changed.
    """
    for place, folders, names in os.walk(new):
        other = present / Path(place).relative_to(new)
        if not other.is_dir():
            folders.clear()  # all that is in there is new
            continue
        for name in names:
            with suppress(OSError):
                _move_on(f"{place}/{name}", f"{other}/{name}")


def _move_on(path: str, other: str) -> None:
    facts, before = os.lstat(path), os.lstat(other)
    if before.st_mtime_ns // TICK != facts.st_mtime_ns // TICK or not stat.S_ISREG(facts.st_mode):
        return
    if before.st_size != facts.st_size or not _same(path, other):
        later = facts.st_mtime_ns + TICK
        os.utime(path, ns=(later, later))


def _same(path: str, other: str) -> bool:
    """Return whether two files hold the same; opened as cheaply as can be: there may be 10,000."""
    descriptors: list[int] = []
    try:
        descriptors += [os.open(path, _READ)]
        descriptors += [os.open(other, _READ)]
        while True:
            one, two = (os.read(descriptor, _BLOCK) for descriptor in descriptors)
            if one != two or not one:
                return one == two
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
