"""Who gets to what below the data folder when a job runs as another user.

The data folder is closed to everybody else. For such a job the folders above its own ones may be
passed (x), which shows nobody what they hold, and whatever lies beside the way is closed itself.
Nothing that a job's user may have put in the way is followed: every step is taken from an open
folder, and links are none.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Owner = tuple[int, int]  # uid, gid
Names = dict[str, "Names"]

PASSABLE = 0o711
_READ_WRITE = 0o066  # of group and others
_ALL = 0o077
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ENTRY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64


def let_through(root: Path, targets: Iterable[Path]) -> None:
    """Let everybody pass from *root* to the *targets* below it, and see nothing on the way.

    What is missing in between is made; the targets themselves are left alone. Raises: OSError,
    also when a folder in between is not ours.
    """
    ways: Names = {}
    for target in targets:
        names = ways
        for name in target.relative_to(root).parts:
            names = names.setdefault(name, {})
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _let_through(handle, ways)
    finally:
        os.close(handle)


def close_beside(root: Path) -> None:
    """Close what lies in *root*, which may be passed, but for folders that may only be passed."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in _names(handle):
            _close(handle, name, _READ_WRITE)
    finally:
        os.close(handle)


def make_passable(folder: Path) -> None:
    """Make *folder*, ours, for everybody to pass through and nobody to look into.

    Raises: OSError, also when another's is there.
    """
    with _opened(folder) as handle:
        _require_ours(handle)
        os.fchmod(handle, PASSABLE)


def hand_over(folder: Path, owner: Owner, keep: Callable[[str], bool]) -> None:
    """Make *folder* for *owner* alone, with all that other users of the job left in it.

    What is ours stays so, unless the whole folder was; then it is the job's too, but for the
    entries of the folder whose names are to be kept. Files with a second name are left alone: it
    may be anywhere. Raises: OSError.
    """
    with _opened(folder) as handle:
        former = os.fstat(handle).st_uid
        if former != owner[0]:
            _give(handle, former, owner, keep)
            os.fchown(handle, *owner)
        os.fchmod(handle, 0o700)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open *folder*, made if need be; neither it nor the one above it may be a link."""
    above = os.open(folder.parent, _FOLDER)
    try:
        handle = _made(above, folder.name)
    finally:
        os.close(above)
    try:
        yield handle
    finally:
        os.close(handle)


def _made(above: int, name: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=above)
    return os.open(name, _FOLDER, dir_fd=above)


def _let_through(handle: int, ways: Names) -> None:
    _require_ours(handle)
    # Beside the folders of one job lie those of others, which may be passed in the same way.
    among_jobs = not any(ways.values())
    for name in _names(handle):
        if name not in ways:
            _close(handle, name, _READ_WRITE if among_jobs else _ALL)
    for name, further in ways.items():
        if further:
            below = _made(handle, name)
            try:
                _let_through(below, further)
            finally:
                os.close(below)
    os.fchmod(handle, PASSABLE)


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


def _require_ours(handle: int) -> None:
    if os.fstat(handle).st_uid not in {0, os.geteuid()}:
        raise PermissionError(1, "a folder on the way to it is another user's")


def _close(folder: int, name: str, when: int) -> None:
    """Take all rights from group and others if they have any of *when*; links have none."""
    with suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISLNK(mode) and mode & when:
            os.chmod(name, stat.S_IMODE(mode) & ~_ALL, dir_fd=folder)


def _give(
    folder: int, former: int, owner: Owner, keep: Callable[[str], bool] | None, depth: int = 0
) -> None:
    for name in _names(folder):
        if keep is not None and keep(name):
            continue
        with suppress(FileNotFoundError):
            entry = os.open(name, _ENTRY, dir_fd=folder)
            try:
                _give_entry(entry, former, owner, depth)
            finally:
                os.close(entry)


def _give_entry(entry: int, former: int, owner: Owner, depth: int) -> None:
    facts, path = os.fstat(entry), f"/proc/self/fd/{entry}"
    if facts.st_uid != former and facts.st_uid in {0, os.geteuid()}:
        return
    if stat.S_ISDIR(facts.st_mode) and depth < _DEEPEST:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _give(folder, former, owner, None, depth + 1)
        finally:
            os.close(folder)
    if stat.S_ISDIR(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1):
        os.chown(path, *owner)  # by the descriptor: exactly what was looked at
