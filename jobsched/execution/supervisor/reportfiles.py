"""The files between a run and the server: its report, and the records that it is to try again.

They lie in one folder that is never removed while runs live, and go when the end of their run is
settled. Runs of other users have theirs in a folder that these can enter: the data folder is
closed to them.
"""

import hashlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jobsched.execution import regular
from jobsched.execution.protocol import Key
from jobsched.execution.task import reporting

FOLDER = "reports"
SHARED = "/var/lib/jobsched"
_COMMAND, _PROGRAM = "jobsched-record", "jobsched-record-program"
_REPORT, _RECORDS = ".report", ".records"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Of another user's job, the server's own Python may be out of reach.
_SCRIPT = """\
#!/bin/sh
python={python}
[ -x "$python" ] || python=python3
exec "$python" -I -S {program} "$@"
"""
Owner = tuple[int, int]  # uid, gid


class ReportFiles:
    """The files of the runs of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._own = f"{data_dir}/{FOLDER}"
        tag = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
        self._shared = f"{SHARED}/{tag}"
        self._sharing: bool | None = None  # None: it is to be looked
        self._open: set[str] = set()  # folders that are there
        self._made: set[Key] = set()  # whose files we have made ourselves

    def variables(self, key: Key, owner: Owner | None, records: bool) -> dict[str, str]:
        """Return what a run is told of its files; those of the user *owner* are made for it.

        *records* says whether there are records to try again. Nothing is told when there is no
        place for them: the run goes on without.
        """
        folder = self._folder(owner)
        stem = f"{folder}/{key[0]}.{key[1]}"
        try:
            self._prepare(folder, owner)
            if owner is not None:
                os.close(_make(stem + _REPORT, owner))
                self._made.add(key)
        except OSError:
            return {}
        told = {reporting.REPORT: stem + _REPORT, "JOBSCHED_RECORD": f"{folder}/{_COMMAND}"}
        return {**told, reporting.RECORDS: stem + _RECORDS} if records else told

    def write_records(
        self, key: Key, owner: Owner | None, pages: Iterator[Sequence[tuple[int, str | None]]]
    ) -> Iterator[int]:
        """Write what a run is to try again, a page at each step; yield how many so far.

        Nothing is written when there is nothing. Raises: OSError (disk full, say).
        """
        folder = self._folder(owner)
        path, count, file = f"{folder}/{key[0]}.{key[1]}{_RECORDS}", 0, -1
        try:
            for page in pages:
                if file < 0:
                    self._prepare(folder, owner)
                    file = _make(path, owner)
                    self._made.add(key)
                _write_whole(file, b"".join(map(_line, page)))
                count += len(page)
                yield count
        finally:
            if file >= 0:
                os.close(file)

    def report_of(self, key: Key) -> str | None:
        """Return where the report of a run is, None when there is none."""
        name = f"{key[0]}.{key[1]}{_REPORT}"
        for folder in self._folders():
            try:
                if os.lstat(f"{folder}/{name}").st_size:
                    return f"{folder}/{name}"
            except OSError:  # what nearly every run has: nothing
                continue
        return None

    def remove(self, key: Key) -> None:
        """Remove the files of a run; a folder that a job has put in their place stays."""
        self._made.discard(key)
        for folder in self._folders():
            for suffix in (_REPORT, _RECORDS):
                with suppress(OSError):
                    os.unlink(f"{folder}/{key[0]}.{key[1]}{suffix}")

    def made(self, key: Key) -> bool:
        """Return whether files of a run were made here before it began."""
        return key in self._made

    def left(self) -> list[Key]:
        """Return the runs of which files are there."""
        found = set()
        for folder in self._folders():
            with suppress(OSError):
                found |= {key for name in os.listdir(folder) if (key := _key(name)) is not None}
        return sorted(found)

    def close(self) -> None:
        """Leave nothing outside of the data folder, unless runs live on that need it."""
        if self._shared not in self._open or any(self.left()):
            return
        with suppress(OSError):
            for name in (_COMMAND, _PROGRAM):
                os.unlink(f"{self._shared}/{name}")
            os.rmdir(self._shared)
            os.rmdir(SHARED)  # if no other server needs it
        self._open.discard(self._shared)

    def _folder(self, owner: Owner | None) -> str:
        return self._own if owner is None else self._shared

    def _folders(self) -> tuple[str, ...]:
        """Return the folders with files; that of other users only if there ever were any."""
        if self._sharing is None:
            self._sharing = _is_folder(self._shared)
        return (self._own, self._shared) if self._sharing else (self._own,)

    def _prepare(self, folder: str, owner: Owner | None) -> None:
        """Make the folder, once, and the command in it. Raises: OSError."""
        if folder in self._open and _is_folder(folder):
            return
        if os.path.lexists(folder) and not _is_folder(folder):
            os.unlink(folder)  # a job has put something in its place
        if owner is None:
            os.makedirs(folder, 0o700, exist_ok=True)
        else:  # in a place that only root can write to
            for one in (SHARED, folder):
                os.makedirs(one, exist_ok=True)
                os.chmod(one, 0o711)  # noqa: S103 - to pass, not to look
            self._sharing = True
        program = f"{folder}/{_PROGRAM}"
        _put(program, Path(reporting.__file__).read_bytes(), 0o644)
        words = {"python": shlex.quote(sys.executable), "program": shlex.quote(program)}
        _put(f"{folder}/{_COMMAND}", _SCRIPT.format(**words).encode(), 0o755)
        self._open.add(folder)


def _put(path: str, data: bytes, mode: int) -> None:
    regular.replace(Path(path), data)
    os.chmod(path, mode)


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _make(path: str, owner: Owner | None) -> int:
    """Return an empty file, new in place of whatever was there. Raises: OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    file = os.open(path, _NEW, 0o600)
    try:
        if owner is not None:
            os.fchown(file, *owner)
    except OSError:
        os.close(file)
        raise
    return file


def _line(record: tuple[int, str | None]) -> bytes:
    id_, data = record
    return f'{{"retry_id":{id_},"data":{data or "null"}}}\n'.encode("ascii")


def _write_whole(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _key(name: str) -> Key | None:
    stem, _, suffix = name.rpartition(".")
    numbers = stem.split(".")
    known = f".{suffix}" in {_REPORT, _RECORDS} and len(numbers) == 2
    if not known or not all(one.isascii() and one.isdecimal() for one in numbers):
        return None
    return int(numbers[0]), int(numbers[1])
