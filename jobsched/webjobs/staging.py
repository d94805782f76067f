"""Where uploads wait until they are whole: one folder each, gone when its upload is over.

An entry is locked while its upload lives, so that leftovers of a server that was killed can be
told from what another one is just writing.
"""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jobsched.webjobs import swapping

BLOCK = 1 << 18
FOLDER_MODE = 0o755
_INTENT = "intent.json"


class Readable(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One upload's *folder*: ``body`` as it came, ``new`` as it shall be, ``old`` as it was."""

    folder: Path

    @property
    def body(self) -> Path:
        """The upload as it came."""
        return self.folder / "body"

    @property
    def new(self) -> Path:
        """The folder that shall be put in place."""
        return self.folder / "new"

    @property
    def added(self) -> Path:
        """What an upload adds, before it is laid over a copy of what is there."""
        return self.folder / "added"

    @property
    def old(self) -> Path:
        """The folder that was in the place."""
        return self.folder / "old"

    def receive(self, source: Readable) -> Path:
        """Write all of *source* to :attr:`body`, block by block, and return it."""
        with self.body.open("xb") as file:
            while block := source.read(BLOCK):
                file.write(block)
        return self.body

    def intend(self, facts: Mapping[str, Any]) -> None:
        """Note for good what is going to be done with this entry."""
        path = self.folder / _INTENT
        path.write_text(json.dumps(facts), encoding="utf-8")
        swapping.sync_one(path)
        swapping.sync_one(self.folder)

    def intent(self) -> dict[str, Any] | None:
        """Return what was noted, None when nothing was, or not wholly."""
        try:
            facts = json.loads((self.folder / _INTENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def remove(self) -> None:
        """Throw the entry away; what cannot be removed now is left to the next start."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Staging:
    """The entries below *folder*, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def entry(self) -> Iterator[Entry]:
        """Give a new, empty entry. Raises: OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._folder, fcntl.LOCK_SH):
            entry = Entry(self._folder / uuid.uuid4().hex)
            entry.folder.mkdir(mode=0o700)
            lock = _lock(entry.folder, fcntl.LOCK_EX)
        try:
            yield entry
        finally:
            entry.remove()
            os.close(lock)

    def leftovers(self) -> Iterator[Entry]:
        """Yield every entry whose upload is dead, oldest first; each is removed afterwards."""
        if not self._folder.is_dir():
            return
        with _locked(self._folder, fcntl.LOCK_EX):
            for folder in sorted(self._folder.iterdir(), key=_age):
                with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    yield Entry(folder)
                    _discard(folder)


def _age(path: Path) -> int:
    return path.lstat().st_mtime_ns


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file *path*, which is made if need be; waits for whoever has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with _locked(path, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = _lock(path, how)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
