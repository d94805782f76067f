"""The journal of a runner: which runs it started and how each ended, readable after any crash.

One append-only file of JSON lines, each written with one system call, so that a crash can cut
only the last line; a cut line counts as absent. The runner holds a POSIX record lock on it for
its life: unlike a flock it is not inherited by forked children, who would keep a dead runner's
lock alive. Test the lock *before* reading: :func:`inspect` does.

Records: ``start`` before a spawn, ``pid`` (with the kernel's start time) after it, ``end`` or
``refused`` with the facts, ``forget`` once the database has them, ``worker`` for task processes.
Nothing is synced: after a restart of the machine (another boot id) the tail may be missing.
"""

import errno
import fcntl
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jobsched.execution.protocol import Key, Message, encode

_BLOCK = 1 << 16


@dataclass(slots=True, kw_only=True)
class Entry:
    """What the journal knows of one claim of a run; *start_time* is in kernel clock ticks.

    *end* and *refused* are the facts of that message of the protocol, without output.
    """

    run: int
    claim: int
    cookie: str
    started_us: int
    detach: bool = False
    pid: int | None = None
    start_time: int | None = None
    end: Message | None = None
    refused: Message | None = None
    forgotten: bool = False

    @property
    def key(self) -> Key:
        """What tells this entry from every other."""
        return (self.run, self.claim)

    @property
    def open(self) -> bool:
        """Whether it was started and nothing is known about its end."""
        return self.end is None and self.refused is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A task process that the runner had at some time."""

    pid: int
    start_time: int
    cookie: str


@dataclass(slots=True)
class Contents:
    """Everything a journal says."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)


class Journal:
    """The writing side, owned by one runner.

    Its file must never be opened and closed again in the same process: that drops the lock.
    Raises: BlockingIOError when another runner holds it; every writing method: OSError when
    the record could not be written whole (disk full), and then nothing of it is there.
    """

    COMPACT_BYTES = 2**20  # how much it grows before it is rewritten without forgotten runs

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = _open_locked(path)
        self._size = self._floor = os.fstat(self._file).st_size

    def start(self, key: Key, cookie: str, started_us: int, detach: bool) -> None:
        """Record that *key* is about to be spawned; it may only be spawned if this works."""
        self._write(op="start", key=key, cookie=cookie, at=started_us, detach=detach)

    def pid(self, key: Key, pid: int, start_time: int) -> None:
        """Record which process *key* became."""
        self._write(op="pid", key=key, pid=pid, time=start_time)

    def worker(self, pid: int, start_time: int, cookie: str) -> None:
        """Record a task process, so that it can be swept after the runner's death."""
        self._write(op="worker", pid=pid, time=start_time, cookie=cookie)

    def end(self, key: Key, facts: Mapping[str, Any]) -> None:
        """Record how *key* ended."""
        self._write(op="end", key=key, facts=facts)

    def refused(self, key: Key, facts: Mapping[str, Any]) -> None:
        """Record that *key* was not started after all."""
        self._write(op="refused", key=key, facts=facts)

    def forget(self, keys: Iterable[Key]) -> None:
        """Record that the database knows how *keys* ended."""
        self._write(op="forget", keys=list(keys))

    def _write(self, **record: Any) -> None:
        line = encode(record)
        try:
            _write_whole(self._file, line)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    @property
    def long(self) -> bool:
        """Whether it has grown so much that rewriting it pays."""
        return self._size > self._floor + self.COMPACT_BYTES

    def compact(self, runs: Container[Key], workers: Container[int]) -> None:
        """Rewrite it with only what concerns these *runs* and the *workers* of these pids.

        The new file is locked before it takes the old one's name. Raises: OSError, unchanged.
        """
        kept = b"".join(
            encode(record) for record in self._records() if _concerns(record, runs, workers)
        )
        fresh = _open_locked(self._path + ".new", os.O_TRUNC)
        try:
            _write_whole(fresh, kept)
            os.rename(self._path + ".new", self._path)
        except OSError:
            os.close(fresh)
            raise
        os.close(self._file)
        self._file = fresh
        self._size = self._floor = len(kept)

    def _records(self) -> Iterator[Message]:
        offset, rest = 0, b""
        while block := os.pread(self._file, _BLOCK, offset):
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from _parsed(lines)

    def close(self) -> None:
        """Give up the lock."""
        os.close(self._file)


def inspect(path: str | os.PathLike[str]) -> tuple[bool, Contents]:
    """Return whether a living runner holds the journal at *path*, and what it says.

    Raises: FileNotFoundError. Never call it in the runner's own process.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            held = _is_locked(file)
            # A runner that rewrites its journal gives up the old file only after the swap.
            if held or os.path.samestat(os.fstat(file), os.stat(path)):
                return held, _contents(_read_whole(file))
        finally:
            os.close(file)


def is_held(path: str | os.PathLike[str]) -> bool:
    """Return whether a living runner holds the journal at *path*; False when there is none."""
    try:
        return inspect(path)[0]
    except FileNotFoundError:
        return False


def read(path: str | os.PathLike[str]) -> dict[Key, Entry]:
    """Return what the journal at *path* says, run by run. Raises: FileNotFoundError."""
    return inspect(path)[1].entries


def _open_locked(path: str, flags: int = 0) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _write_whole(file: int, data: bytes) -> None:
    if os.write(file, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _is_locked(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    return False


def _read_whole(file: int) -> bytes:
    with open(file, "rb", closefd=False) as reader:
        return reader.read()


def _contents(data: bytes) -> Contents:
    contents = Contents()
    # What follows the last line feed was cut by a crash.
    for record in _parsed(data.split(b"\n")[:-1]):
        _apply(contents, record)
    return contents


def _parsed(lines: Iterable[bytes]) -> Iterator[Message]:
    for line in lines:
        # A torn line can only come from a disk that lost blocks; the others still count.
        with suppress(ValueError):
            yield json.loads(line)


def _apply(contents: Contents, record: Message) -> None:
    match record["op"]:
        case "worker":
            contents.workers.append(
                Worker(pid=record["pid"], start_time=record["time"], cookie=record["cookie"])
            )
        case "start":
            entry = _entry(record)
            contents.entries[entry.key] = entry
        case "forget":
            for run, claim in record["keys"]:
                if known := contents.entries.get((run, claim)):
                    known.forgotten = True
        case operation:
            run, claim = record["key"]
            if known := contents.entries.get((run, claim)):
                _learn(known, operation, record)


def _entry(record: Message) -> Entry:
    run, claim = record["key"]
    return Entry(
        run=run,
        claim=claim,
        cookie=record["cookie"],
        started_us=record["at"],
        detach=record["detach"],
    )


def _learn(entry: Entry, operation: str, record: Message) -> None:
    if operation == "pid":
        entry.pid, entry.start_time = record["pid"], record["time"]
    elif operation == "end":
        entry.end = record["facts"]
    elif operation == "refused":
        entry.refused = record["facts"]


def _concerns(record: Message, runs: Container[Key], workers: Container[int]) -> bool:
    if record["op"] == "worker":
        return record["pid"] in workers
    return record["op"] != "forget" and tuple(record["key"]) in runs
