"""One thread per process that watches runs and clients for every request that waits.

However many requests wait, there is one query: the states of all runs that are waited for. It is
made when a hint comes (wake topic ``web``) and once a second at the latest. The same thread sees
a client go away, by poll() on its socket, and tells the request that waited for it.
"""

import logging
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol, Self

from jobsched import clock
from jobsched.errors import JobschedError, Unavailable
from jobsched.model import Run, RunState
from jobsched.storage.paging import Page
from jobsched.storage.searching import RunFilter
from jobsched.wake import Listener

LONGEST_SLEEP = 1.0
SHORTEST_SLEEP = 0.02  # between two queries, however many hints come
RETRY_AFTER = 5
AT_ONCE = 500  # ids in one query
MOST_FOLLOWED = 5000  # runs followed for those who want to hear of all
MOST_UNREAD = 10_000
NO_RUN = 0  # ids begin at 1

_GONE = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
_log = logging.getLogger(__name__)

Sight = tuple[RunState, int]  # state and claim


class RunBook(Protocol):
    """What is asked of ``storage.runs``."""

    def states(self, ids: Iterable[int]) -> dict[int, Sight]: ...
    def by_ids(self, ids: Iterable[int]) -> dict[int, Run]: ...
    def list(self, filters: RunFilter, limit: int) -> Page[Run]: ...
    def live(self, since_id: int = 0) -> Sequence[tuple[int, str | None, RunState]]: ...


class Notice(Enum):
    """What a waiting request is told beside runs."""

    GONE = "the client went away"
    STOPPING = "the server stops"
    OVERRUN = "the client reads too slowly"


class Waiter:
    """One request that waits; use it as a context manager.

    *run_id* is the run it wants to hear of, None for all of them, NO_RUN for none yet. *on_gone*
    is called when the client leaves, by the thread that sees it: the waiting one may be busy
    sending to a client that takes nothing.
    """

    def __init__(self, watcher: "Watcher", run_id: int | None, client: int | None) -> None:
        self.run_id, self.client = run_id, client
        self.seen: Sight | None = None
        self.on_gone: Callable[[], None] | None = None
        self._watcher = watcher
        self._news: SimpleQueue[Run | Notice] = SimpleQueue()

    def next(self, seconds: float) -> Run | Notice | None:
        """Return what comes next: a run as it is now, or a notice; None after *seconds*."""
        try:
            return self._news.get(timeout=max(0.0, seconds))
        except Empty:
            return None

    def tell(self, news: Run | Notice) -> None:
        """Pass on *news*; a request that does not take them is told to give up."""
        if self._news.qsize() < MOST_UNREAD:
            self._news.put(news)
        elif self._news.qsize() == MOST_UNREAD:
            self._news.put(Notice.OVERRUN)

    def turn_to(self, run_id: int, on_gone: Callable[[], None]) -> None:
        """Wait for *run_id* from now on."""
        self.run_id, self.on_gone = run_id, on_gone
        self._watcher.look_again()

    def gone(self) -> None:
        """Take note that the client has left."""
        self.client = None
        self.tell(Notice.GONE)
        if self.on_gone is not None:
            self.on_gone()

    def leave(self) -> None:
        """Wait no longer."""
        self._watcher.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


class Watcher:
    """Watches for up to *share* requests at once; the thread starts with the first of them."""

    def __init__(
        self, runs: RunBook, data_dir: Path, share: int, stopping: threading.Event | None = None
    ) -> None:
        self._runs, self._data_dir, self._share = runs, data_dir, share
        self._stopping = stopping or threading.Event()
        self._waiters: set[Waiter] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._all = _Everything(runs)
        self._nudge, self._nudged = socket.socketpair()
        for end in (self._nudge, self._nudged):
            end.setblocking(False)

    def watch(self, run_id: int | None, client: socket.socket | None) -> Waiter:
        """Return a waiter for a run, or for all; *client* is the connection of its request.

        Raises: Unavailable when as many requests wait as may.
        """
        with self._guard:
            self.require_room()
            waiter = Waiter(self, run_id, None if client is None else client.fileno())
            self._waiters.add(waiter)
            self._start()
        self._wake()
        return waiter

    def require_room(self) -> None:
        """Raise Unavailable when as many requests wait as may."""
        if len(self._waiters) >= self._share:
            raise Unavailable(
                "As many requests wait already as this server lets wait; ask again later.",
                retry_after=RETRY_AFTER,
            )

    def look_again(self) -> None:
        """Look at the runs soon: somebody waits for another one."""
        self._wake()

    def leave(self, waiter: Waiter) -> None:
        """Forget *waiter*."""
        with self._guard:
            self._waiters.discard(waiter)

    def close(self) -> None:
        """Tell who still waits that the server stops, and end the thread when they have left."""
        self._stopping.set()
        if self._thread is None:
            self._nudge.close()
            self._nudged.close()
            return
        self._wake()
        self._thread.join(LONGEST_SLEEP)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        try:
            self._nudge.send(b"!")
        except OSError:
            return  # nudged more than enough, or at its end

    def _run(self) -> None:
        with Listener(self._data_dir, "web") as hints, self._nudge, self._nudged:
            while (waiters := self._present()) or not self._stopping.is_set():
                if self._stopping.is_set():
                    _tell_all(waiters, Notice.STOPPING)
                elif waiters:
                    self._look(waiters)
                self._sleep(hints, waiters)

    def _present(self) -> list[Waiter]:
        with self._guard:
            return list(self._waiters)

    def _look(self, waiters: Sequence[Waiter]) -> None:
        try:
            self._tell_news(waiters)
        except JobschedError:
            return  # a busy database is asked again in a second
        except Exception:
            # The thread's edge: those who wait must not be left alone by a defect.
            _log.exception("watching runs failed")

    def _tell_news(self, waiters: Sequence[Waiter]) -> None:
        wanted = {each.run_id for each in waiters if each.run_id is not None}
        hearing_all = [each for each in waiters if each.run_id is None]
        changed = self._all.changes() if hearing_all else self._all.forget()
        sights = _states(self._runs, wanted)
        due = [
            each for each in waiters if each.run_id in sights and each.seen != sights[each.run_id]
        ]
        found = _by_ids(self._runs, {*changed, *(each.run_id for each in due if each.run_id)})
        for each in due:
            if each.run_id in found:
                each.seen = sights[each.run_id]
                each.tell(found[each.run_id])
        for run_id in sorted(changed):
            if run_id in found:
                _tell_all(hearing_all, found[run_id])

    def _sleep(self, hints: Listener, waiters: Sequence[Waiter]) -> None:
        """Wait for a hint, a new waiter or a client that leaves; a second at the most."""
        began = clock.monotonic()
        poll = select.poll()
        poll.register(self._nudged.fileno(), select.POLLIN)
        if waiters:
            poll.register(hints.fileno(), select.POLLIN)
        by_client = {each.client: each for each in waiters if each.client not in {None, -1}}
        for client in by_client:
            poll.register(client, _GONE)
        for number, happened in poll.poll(LONGEST_SLEEP * 1000 if waiters else None):
            if number in by_client and happened & _GONE:
                by_client[number].gone()
        hints.drain()
        _drain(self._nudged)
        self._stopping.wait(max(0.0, SHORTEST_SLEEP - (clock.monotonic() - began)))


class _Everything:
    """Finds the changes of all runs: new ones by their growing ids, known ones by their states."""

    def __init__(self, runs: RunBook) -> None:
        self._runs = runs
        self._known: dict[int, Sight] = {}
        self._newest: int | None = None

    def forget(self) -> set[int]:
        """Nobody listens; return that nothing changed."""
        self._known.clear()
        self._newest = None
        return set()

    def changes(self) -> set[int]:
        """Return the ids of the runs that are new or in another state than before."""
        last = self._runs.list(RunFilter(), 1).values
        newest = last[0].id if last else 0
        if self._newest is None:
            self._newest = newest
            alive = [run_id for run_id, _, _ in self._runs.live()]
            self._known = _states(self._runs, alive[:MOST_FOLLOWED])
            return set()
        fresh = range(max(self._newest, newest - MOST_FOLLOWED) + 1, newest + 1)
        self._newest = newest
        sights = _states(self._runs, {*self._known, *fresh})
        changed = {run_id for run_id, sight in sights.items() if self._known.get(run_id) != sight}
        alive_now = {k: v for k, v in sights.items() if v[0] is not RunState.DONE}
        self._known = dict(sorted(alive_now.items())[:MOST_FOLLOWED])
        return changed


def _tell_all(waiters: Iterable[Waiter], news: Run | Notice) -> None:
    for each in waiters:
        each.tell(news)


def _portions(ids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _states(runs: RunBook, ids: Iterable[int]) -> dict[int, Sight]:
    found: dict[int, Sight] = {}
    for portion in _portions(ids):
        found |= runs.states(portion)
    return found


def _by_ids(runs: RunBook, ids: Iterable[int]) -> dict[int, Run]:
    found: dict[int, Run] = {}
    for portion in _portions(ids):
        found |= runs.by_ids(portion)
    return found


def _drain(end: socket.socket) -> None:
    try:
        while end.recv(4096):
            pass
    except BlockingIOError:
        return
