"""Clients that have left, and those that were served to the end: told to the database.

One thread for all of them, because a hundred may leave at the same moment: their jobs are killed
by one transaction. It is tried again until the database has it.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue

from jobsched.errors import JobschedError
from jobsched.operations.clients import Clients

_RETRY, _RETRY_DEFECT = 0.2, 5.0  # seconds
_MOST = 500
_log = logging.getLogger(__name__)


class Departures:
    """Takes note of clients; the thread starts with the first of them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._queue: SimpleQueue[tuple[int, bool]] = SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def left(self, run_id: int) -> None:
        """Kill the run *run_id*, whose client has left; nothing happens when it is done."""
        self._put(run_id, served=False)

    def served(self, run_id: int) -> None:
        """Note that the client of the run *run_id* has got everything."""
        self._put(run_id, served=True)

    def _put(self, run_id: int, *, served: bool) -> None:
        self._queue.put((run_id, served))
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="departures", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        pause = threading.Event()
        while True:
            some = self._some()
            left = sorted({run_id for run_id, served in some if not served})
            over = sorted({run_id for run_id, served in some if served} - {*left})
            while left and (seconds := _trouble(partial(self._clients.left, left))):
                pause.wait(seconds)
            if over:
                # What is not forgotten now is forgotten when somebody next cleans up.
                _trouble(partial(self._clients.served, over))

    def _some(self) -> list[tuple[int, bool]]:
        """Wait for a client to leave; return it with all that left meanwhile."""
        some = [self._queue.get()]
        while len(some) < _MOST:
            try:
                some.append(self._queue.get_nowait())
            except Empty:
                break
        return some


def _trouble(tell: Callable[[], None]) -> float:
    """Return in how many seconds to *tell* it again; 0 when the database has it."""
    try:
        tell()
    except JobschedError:
        return _RETRY  # a busy database
    except Exception:
        # The thread's edge: who leaves must not be forgotten for a defect.
        _log.exception("noting that clients left failed")
        return _RETRY_DEFECT
    return 0.0
