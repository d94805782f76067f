"""Moving files and folders of the site: in one step, and a new version gets a new time."""

import errno
import os
import shutil
import stat
import time
import uuid
from contextlib import suppress
from pathlib import Path

TICK = 100  # nanoseconds: the smallest difference that entity tags show
_SOON = 10_000_000_000  # nanoseconds: a time that lies further ahead was set on purpose


def later_than(before: int | None) -> int:
    """Return the present time in nanoseconds, moved on by a tick when *before* is not before."""
    now = time.time_ns()
    return before + TICK if before is not None and now - TICK < before < now + _SOON else now


def move_in(source: Path, folder: int, name: str) -> None:
    """Give *source* its name in *folder*; from another file system by way of a hidden copy."""
    try:
        os.replace(source, name, dst_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    hidden = f".{uuid.uuid4().hex}.tmp"
    target = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, dir_fd=folder)
    try:
        with source.open("rb") as file, os.fdopen(target, "wb") as copy:
            shutil.copyfileobj(file, copy)
            facts = os.fstat(file.fileno())
            os.fchmod(copy.fileno(), stat.S_IMODE(facts.st_mode))
            copy.flush()
            os.utime(copy.fileno(), ns=(facts.st_mtime_ns, facts.st_mtime_ns))
        os.replace(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=folder)
        raise


def lay_file(source: Path, folder: int) -> None:
    """Move *source* into *folder*; a time that an older version has already is moved on."""
    with suppress(FileNotFoundError):
        before = os.stat(source.name, dir_fd=folder, follow_symlinks=False).st_mtime_ns
        if before // TICK == source.stat().st_mtime_ns // TICK:
            os.utime(source, ns=(before + TICK, before + TICK))
    move_in(source, folder, source.name)


def throw_away(folder: int, name: str, trash: Path) -> None:
    """Move a folder out of *folder* to *trash*, or delete it where it cannot be moved."""
    try:
        os.rename(name, trash, src_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.rmtree(name, dir_fd=folder)
