"""Whether the files of a web job have changed: a digest of names, sizes and times, not of bytes.

What only tells about the job (its settings, the stopped flag, locks) is left out: those are
looked at by themselves.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from jobsched.webjobs.choice import METADATA

MOST_FILES = 100_000  # of a larger folder the rest does not count
_LOCK = ".lock"


def of_folder(folder: Path) -> str:
    """Return the fingerprint of all files of *folder*: what a temporary copy is made of."""
    return _digest(_lines(folder))


def of_file(path: Path) -> str:
    """Return the fingerprint of one file: of a job that runs in place the script alone counts."""
    try:
        return _digest([_line(path.name, path.stat())])
    except OSError:
        return _digest([])


def ignored(name: str) -> bool:
    """Return whether a file called *name*, directly in a job's folder, is none of its program."""
    return name.lower() in METADATA or is_lock(name)


def is_lock(name: str) -> bool:
    """Return whether *name* is that of a lock or of a file that is still being written."""
    return name.lower().endswith(_LOCK) or name.startswith(".")


def _digest(lines: list[str]) -> str:
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _lines(folder: Path) -> list[str]:
    lines: list[str] = []
    begin = len(str(folder)) + 1
    for path, facts in _files(folder):
        lines.append(_line(path[begin:], facts))
        if len(lines) >= MOST_FILES:
            break
    return lines


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield all files below *folder* with what is known of them; links are not followed."""
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as found:
                inside = list(found)
        except OSError:  # gone in the meantime, or not ours to read
            continue
        for entry in inside:
            if ignored(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif (facts := _facts(entry)) is not None:
                yield entry.path, facts


def _facts(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _line(name: str, facts: os.stat_result) -> str:
    kind = stat.S_IFMT(facts.st_mode)
    return f"{name}\0{kind}\0{facts.st_size}\0{facts.st_mtime_ns}"
