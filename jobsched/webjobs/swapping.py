"""Putting one folder in the place of another in a single step, and for good."""

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE
_SYNC_ONE_BY_ONE = 200  # files; of more, asking for everything at once is cheaper
_IMPOSSIBLE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM})

_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders of one file system change places at once; False where that cannot be.

    Raises: OSError.
    """
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _IMPOSSIBLE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def sync(folder: Path) -> None:
    """Have all of *folder* on the disk itself, so that a power cut keeps it."""
    paths = list(islice(_everything(folder), _SYNC_ONE_BY_ONE + 1))
    if len(paths) > _SYNC_ONE_BY_ONE:
        sync_all(folder)
        return
    for path in paths:
        sync_one(path)


def sync_all(folder: Path) -> None:
    """Have all of the file system that *folder* is on, and no other, on the disk."""
    syncfs = getattr(_libc, "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def sync_folders(folders: Sequence[Path]) -> None:
    """Have the names in these folders of one file system on the disk."""
    if len(folders) > _SYNC_ONE_BY_ONE:
        sync_all(folders[0])
        return
    for folder in folders:
        sync_one(folder)


def sync_one(path: Path) -> None:
    """Have one file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _everything(folder: Path) -> Iterator[Path]:
    """Yield the files and folders below *folder* and itself, links and the like left out."""
    for place, _, names in os.walk(folder):
        yield Path(place)
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path
