"""The audit log's writing end: rows are taken at once and written behind the answers' backs.

One thread per process writes what has gathered in one transaction, so that auditing neither
slows an answer down nor makes it fail. What cannot be written is told to the program's log.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakSet

from jobsched import clock
from jobsched.events import Event, publish

BATCH = 500
GATHER = 0.1  # seconds that a row waits for others
MAX_WAITING = 20_000

_log = logging.getLogger(__name__)
_writers: "WeakSet[AuditWriter]" = WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what to which object, from where, and with which answer."""

    at_us: int
    who: str
    source: str
    what: str
    target: str
    status: int
    request_id: str


class AuditWriter:
    """Writes rows through *add*, which takes many of them and commits them together."""

    def __init__(self, add: Callable[[Sequence[AuditRow]], None]) -> None:
        self._add = add
        self._waiting: queue.Queue[AuditRow] = queue.Queue(MAX_WAITING)
        self._pid = 0
        self._guard = threading.Lock()
        self._hurry = threading.Event()
        _writers.add(self)

    def __call__(self, row: AuditRow) -> None:
        """Take *row*; never blocks, never raises."""
        self._start_thread()
        try:
            self._waiting.put_nowait(row)
        except queue.Full:
            _tell_log([row])

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until everything taken is written, *seconds* at the most; return whether it is."""
        deadline = clock.monotonic() + seconds
        self._hurry.set()
        try:
            return self._all_written(deadline)
        finally:
            self._hurry.clear()

    def _all_written(self, deadline: float) -> bool:
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                left = deadline - clock.monotonic()
                if left <= 0 or not self._waiting.all_tasks_done.wait(left):
                    return False
        return True

    def _start_thread(self) -> None:
        # Started on first use, so that every forked worker has its own.
        if self._pid == os.getpid():
            return
        with self._guard:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="audit", daemon=True).start()

    def _run(self) -> None:
        while True:
            rows = [self._waiting.get()]
            if self._waiting.qsize() < BATCH:
                # Not at once: it would be in the way of what its request has asked for.
                self._hurry.wait(GATHER)
            while len(rows) < BATCH and not self._waiting.empty():
                rows.append(self._waiting.get_nowait())
            self._write(rows)
            for _ in rows:
                self._waiting.task_done()

    def _write(self, rows: Sequence[AuditRow]) -> None:
        try:
            self._add(rows)
        except Exception:
            # The thread's edge: a database that is busy or full must not end auditing.
            _log.exception("audit rows not written count=%d", len(rows))
            _tell_log(rows)


def flush_all(seconds: float) -> bool:
    """Let every writer of this process finish, before it ends; return whether all did."""
    done = [writer.flush(seconds) for writer in tuple(_writers)]
    return all(done)


def _tell_log(rows: Sequence[AuditRow]) -> None:
    for row in rows:
        fields: dict[str, object] = {
            "at": clock.from_us(row.at_us),
            "who": row.who,
            "source": row.source,
            "what": row.what,
            "target": row.target,
            "status": row.status,
            "request": row.request_id,
        }
        publish(Event(name="audit kept in the log", level=logging.WARNING, fields=fields))
