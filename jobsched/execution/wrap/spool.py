"""What could not be told: one file for each run, private to the user, until the server hears it.

Whoever writes a file keeps a lock on it as long as the command lives; a file without an end that
nobody has locked is of a wrapper that was killed.
"""

import fcntl
import json
import os
import random
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST = 1000  # files
OLDEST = 30 * 86_400.0  # seconds
_LARGEST = 2**20
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_KILLED = "What reported it was killed: how it ended is not known."
Json = dict[str, Any]


def usual_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in which a user's reports wait."""
    state = environ.get("XDG_STATE_HOME") or ""
    folder = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return folder / "jobsched" / "wrap"


class Entry:
    """The file of one run, made when it is needed first. Every method may raise OSError."""

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.json"
        self._hidden = folder / f".{key}.new"
        self._named = False
        self._file: int | None = None
        self._guard = threading.Lock()

    def keep(self, url: str | None, report: Json) -> None:
        """Write *report*, meant for the server at *url*, in place of what was kept before."""
        data = json.dumps({"url": url, "report": report}).encode()
        with self._guard:
            if self._file is None:
                self._file = self._new()
            os.pwrite(self._file, data, 0)
            os.ftruncate(self._file, len(data))
            os.fsync(self._file)
            # Only now may others see it: they take what is empty for rubbish.
            if not self._named:
                self._hidden.rename(self.path)
                self._named = True

    def _new(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._hidden, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def forget(self) -> None:
        """Remove the file, if there is one."""
        with self._guard:
            if self._file is not None:
                (self.path if self._named else self._hidden).unlink(missing_ok=True)


def flush(folder: Path, url: str, tell: Callable[[str, Json], bool]) -> int:
    """Let *tell* have each report for *url* that waits; return how many did.

    In any order, so that some that are refused cannot hold up the others for ever. It gets key and
    report, and returns whether the report is done with. Raises: what it raises; OSError.
    """
    done = 0
    paths = _paths(folder)
    random.shuffle(paths)
    for path in paths:
        with _opened(path) as kept:
            if kept is None or kept.get("url") not in {url, None}:
                continue
            if tell(path.stem, _whole(kept["report"], path)):
                path.unlink(missing_ok=True)
                done += 1
    return done


def _paths(folder: Path) -> list[Path]:
    """Return the files that wait, the oldest first; what is too old or too much is removed."""
    ages: list[tuple[float, Path]] = []
    with suppress(FileNotFoundError):
        for path in folder.glob("*.json"):
            with suppress(OSError):
                ages.append((path.lstat().st_mtime, path))
    ages.sort()
    old = time.time() - OLDEST
    for number, (age, path) in enumerate(ages):
        if age < old or number < len(ages) - MOST:
            with suppress(OSError):
                path.unlink()
    return [path for age, path in ages[-MOST:] if age >= old]


@contextmanager
def _opened(path: Path) -> Iterator[Json | None]:
    """Give what a file holds while nobody else has it; None when it is in use, or nonsense."""
    try:
        file = os.open(path, _FLAGS)
    except OSError:
        yield None
        return
    try:
        yield _locked(file, path)
    finally:
        os.close(file)


def _locked(file: int, path: Path) -> Json | None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink == 0 or found.st_uid != os.geteuid():
        return None
    try:
        kept = json.loads(os.pread(file, _LARGEST, 0))
        if isinstance(kept, dict) and isinstance(kept["report"], dict):
            return kept
    except (ValueError, KeyError):
        pass
    path.unlink(missing_ok=True)  # a disk was full, or the machine went down
    return None


def _whole(report: Json, path: Path) -> Json:
    """Return *report* with an end, also if its wrapper never told one."""
    if "ended_at" in report:
        return report
    # Nobody knows more than that it lived when its file was written.
    seen = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    end = max(seen, datetime.fromisoformat(report["started_at"]))
    return {**report, "ended_at": end.isoformat(), "ended_by": "lost", "reason": _KILLED}
