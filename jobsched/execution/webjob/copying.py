"""The temporary copy from which a web job runs: used again until something differs, then made anew.

Kudu's rules (BaseJobRunner.JobDirectoryHasChanged): a file of the job that is new, changed or
gone, and one of the copy that was changed or removed, make a new copy; one that was only added to
the copy does not. Beside the copies, ``current`` names the newest one and what it was made
from. A copy that is in use carries a lock (``flock``) of the processes that use it, and stays.
Standard library only: the launcher imports this; and as little of it as can be, for that is done
again at every start.
"""

from __future__ import annotations

import fcntl
import os
import stat

TYPE_CHECKING = False  # importing it would cost as much as all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    File = tuple[int, int]  # modification time in nanoseconds, size in bytes
    Files = Mapping[str, File]
    Owner = tuple[int, int]  # uid, gid: whose the files of a copy are

_CURRENT = "current"
_UNFINISHED = ".new-"
_BLOCK = 1 << 20
_LOW = 200  # scripts use small descriptors themselves
_DETECTED = "Job directory change detected: Job file '{}' {}."
_NEW = "exists in source directory but not in working directory"
_CHANGED = "timestamp differs between source and working directories"
_GONE = "has been deleted"


class CopyFailed(Exception):
    """The copy could not be made; the message says why."""


def prepare(
    source: str, copies: str, script: str, owner: Owner | None, tell: Callable[[str], None]
) -> str:
    """Return the folder below *copies* that is a true copy of *source*, made anew if need be.

    *script*, a file of it, is there in any case. *tell* is called with the sentence that says why
    an old copy does not do. The copy stays as long as this process and what it becomes, or its
    children, live. Raises: CopyFailed.
    """
    try:
        source = _resolved(source)
        _make_folder(copies)
        lock = os.open(copies, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            name = _present(source, copies, script, tell)
            if name is None or not _belongs(os.path.join(copies, name), owner):
                name = _copy_anew(source, copies, owner)
            _hold(os.path.join(copies, name))
            _remove_unused(copies, name)
        finally:
            os.close(lock)
    except OSError as error:
        what = f": {error.filename}" if error.filename else ""
        message = f"Failed to copy job files from {source}: {error.strerror}{what}"
        raise CopyFailed(message) from error
    return os.path.join(copies, name)


def _resolved(source: str) -> str:
    """Return the folder of a job, or the one that a link in its place leads to.

    Only links of our own and of root are followed: we may read more than whoever else made one.
    Raises: OSError, CopyFailed.
    """
    handle = os.open(source, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISLNK(facts.st_mode):
            return source
        if facts.st_uid not in {0, os.geteuid()}:
            raise CopyFailed(f"The folder {source} is a link of another user; it is not followed.")
        return os.path.realpath(
            os.path.join(os.path.dirname(source), os.readlink("", dir_fd=handle))
        )
    finally:
        os.close(handle)


def files_of(folder: str) -> dict[str, File]:
    """Return every file below *folder* by its path from there on; links count as themselves."""
    found: dict[str, File] = {}
    for path, _, names, handle in _walk(folder):
        for name in names:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
                found[os.path.join(path, name)] = (facts.st_mtime_ns, facts.st_size)
    return found


def change(source: Files, copy: Files, made_of: frozenset[str]) -> str | None:
    """Return Kudu's sentence for the first difference that counts, None if there is none.

    *made_of* names the files of the job when the copy was made. A file of the copy whose name has
    another case by now is taken for the same one, as in Kudu.
    """
    folded = {name.lower(): name for name in copy}
    for name, facts in source.items():
        found = name if name in copy else folded.get(name.lower(), "")
        if not found or name not in made_of:
            return _DETECTED.format(name, _NEW)
        if copy[found] != facts:
            return _DETECTED.format(name, _CHANGED)
    gone = sorted(made_of - source.keys())
    return _DETECTED.format(gone[0], _GONE) if gone else None


def _present(source: str, copies: str, script: str, tell: Callable[[str], None]) -> str | None:
    """Return the newest copy if it still does."""
    current = _read_current(copies)
    if current is None:
        return None
    name, made_of = current
    folder = os.path.join(copies, name)
    why = change(files_of(source), files_of(folder), made_of)
    if why is None and os.path.exists(os.path.join(folder, script)):
        return name
    if why is not None:
        tell(why)
    return None


def _belongs(folder: str, owner: Owner | None) -> bool:
    """Return whether a copy is that of *owner*, or else ours: the job may run as another now."""
    return os.stat(folder).st_uid == (os.geteuid() if owner is None else owner[0])


def _read_current(copies: str) -> tuple[str, frozenset[str]] | None:
    """Return the name of the newest copy, and the files of the job when it was made."""
    try:
        with open(os.path.join(copies, _CURRENT), "rb") as file:
            name, *files = os.fsdecode(file.read()).split("\0")
    except FileNotFoundError:
        return None
    there = name and os.path.isdir(os.path.join(copies, name))
    return (name, frozenset(files)) if there else None


def _copy_anew(source: str, copies: str, owner: Owner | None) -> str:
    name = os.urandom(6).hex()
    unfinished = os.path.join(copies, _UNFINISHED + name)
    files = _copy(source, unfinished, owner)
    os.rename(unfinished, os.path.join(copies, name))
    told = os.path.join(copies, _UNFINISHED + _CURRENT)
    with open(told, "wb") as file:
        file.write(os.fsencode("\0".join([name, *files])))
    os.replace(told, os.path.join(copies, _CURRENT))
    return name


def _copy(source: str, target: str, owner: Owner | None) -> list[str]:
    """Copy what is below *source*; return the files. Times and rights are those of the source."""
    copied: list[str] = []
    for path, folders, names, handle in _walk(source):
        folder = os.path.join(target, path)
        os.mkdir(folder, 0o700)
        _own(folder, owner)
        for name in names:
            if _copy_file(handle, name, os.path.join(folder, name), owner):
                copied.append(os.path.join(path, name))
        folders.sort()
    return copied


def _copy_file(handle: int, name: str, target: str, owner: Owner | None) -> bool:
    facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(name, dir_fd=handle), target)
    elif stat.S_ISREG(facts.st_mode):
        # Whoever swaps it for a link now gains nothing: the link is not followed.
        reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        with open(reader, "rb") as file, open(target, "xb") as copy:
            facts = os.fstat(reader)
            while block := file.read(_BLOCK):
                copy.write(block)
            os.fchmod(copy.fileno(), stat.S_IMODE(facts.st_mode) & 0o777 | 0o600)
    else:
        return False
    _own(target, owner)
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
    return True


def _own(path: str, owner: Owner | None) -> None:
    if owner is not None:
        os.chown(path, *owner, follow_symlinks=False)


def _walk(folder: str) -> Iterator[tuple[str, list[str], list[str], int]]:
    """Yield each folder below *folder* ("" is itself): path, folders, other entries, handle."""
    for path, folders, names, handle in os.fwalk(folder, onerror=_raise):
        links = [name for name in folders if _is_link(name, handle)]
        folders[:] = [name for name in folders if name not in links]
        inside = os.path.relpath(path, folder)
        yield "" if inside == "." else inside, folders, [*names, *links], handle


def _is_link(name: str, handle: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)


def _raise(error: OSError) -> None:
    raise error


def _make_folder(copies: str) -> None:
    before = os.umask(0o066)  # another user who runs a job must get through to its copy
    try:
        os.makedirs(copies, 0o711, exist_ok=True)
    finally:
        os.umask(before)


def _hold(folder: str) -> None:
    """Let the copy be in use as long as anybody has the descriptor, which an exec passes on."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_SH)
    fcntl.fcntl(handle, fcntl.F_DUPFD, _LOW)
    os.close(handle)


def _remove_unused(copies: str, current: str) -> None:
    folders = [name for name in os.listdir(copies) if name not in {current, _CURRENT}]
    for folder in [os.path.join(copies, name) for name in folders]:
        if os.path.isdir(folder) and not _is_used(folder):
            _remove(folder)


def _remove(folder: str) -> None:
    import shutil  # rarely needed

    shutil.rmtree(folder, ignore_errors=True)


def _is_used(folder: str) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
