"""Files in folders that a job may write to: opened so that nothing a job puts there can harm.

A job may put a named pipe, a link or a device in place of a file of ours, or a link in place of
its folder. None of them is followed or waited for: whoever opens gets an OSError, and does
without the file. The same for a file with a second name, in a folder of another user. Standard
library only: the runner imports this.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def open_file(path: str, flags: int, mode: int = 0o600) -> int:
    """Return a descriptor of the regular file *path*, whose folder is no link either.

    Raises: OSError, also for whatever is there that is no regular file.
    """
    with _folder_of(path) as (folder, name):
        return _open(folder, name, flags, mode)


def replace(path: Path, data: bytes) -> None:
    """Give the file *path* the content *data*, whole or not at all. Raises: OSError."""
    with _folder_of(str(path)) as (folder, name):
        unfinished = f".{name}.{secrets.token_hex(8)}"
        try:
            _write(_open(folder, unfinished, _NEW, 0o666), data)
            os.replace(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=folder)
            raise


def read(path: Path, most: int) -> bytes:
    """Return the first *most* bytes of the file *path*. Raises: OSError."""
    with open(open_file(str(path), os.O_RDONLY), "rb") as file:
        return file.read(most)


@contextmanager
def _folder_of(path: str) -> Iterator[tuple[int, str]]:
    folder, name = os.path.split(path)
    handle = os.open(folder or ".", _FOLDER)
    try:
        yield handle, name
    finally:
        os.close(handle)


def _open(folder: int, name: str, flags: int, mode: int) -> int:
    handle = os.open(name, flags | _SAFELY, mode, dir_fd=folder)
    facts = os.fstat(handle)
    if stat.S_ISREG(facts.st_mode) and not (facts.st_nlink > 1 and _is_others(folder)):
        return handle
    os.close(handle)
    raise OSError(f"{name} is no regular file, or has a second name.")


def _is_others(folder: int) -> bool:
    """Return whether *folder* is another user's: the names in it are chosen by him."""
    return os.fstat(folder).st_uid not in {0, os.geteuid()}


def _write(handle: int, data: bytes) -> None:
    with open(handle, "wb") as file:
        file.write(data)
