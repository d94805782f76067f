"""Watching for waiting requests: one query for all, news in order, clients that leave."""

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jobsched import clock
from jobsched.errors import DatabaseBusy, Unavailable
from jobsched.model import Counts, EndedBy, Policy, Run, RunState
from jobsched.storage.paging import Page
from jobsched.storage.searching import RunFilter
from jobsched.wake import Wake
from jobsched.web.watching import Notice, Waiter, Watcher
from tests.support.waiting import until


def _run(run_id: int, state: RunState = RunState.QUEUED) -> Run:
    return Run(
        id=run_id,
        job_key=None,
        job_id=None,
        name=f"run {run_id}",
        task="example",
        state=state,
        queue="default",
        priority=0,
        params={},
        policy=Policy(),
        requested_by=None,
        due_at=None,
        created_at=clock.now(),
        not_before=None,
        started_at=None,
        ended_at=None,
        attempt=1,
        claim=0,
        retry_of=None,
        retried_by=None,
        node=None,
        exit_code=None,
        signal=None,
        ended_by=None,
        reason=None,
        counts=Counts(),
        progress=None,
        progress_text=None,
        cpu_seconds=None,
        peak_memory=None,
        out_bytes=0,
        err_bytes=0,
    )


class Book:
    """Runs in memory, as ``storage.runs`` answers for them."""

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}
        self.asked: list[list[int]] = []
        self.busy = False

    def put(self, run_id: int, state: RunState) -> None:
        changed = replace(_run(run_id), state=state)
        if state is RunState.DONE:
            changed = replace(changed, ended_by=EndedBy.EXIT, exit_code=0)
        self.runs[run_id] = changed

    def states(self, ids: Iterable[int]) -> dict[int, tuple[RunState, int]]:
        wanted = list(ids)
        self.asked.append(wanted)
        if self.busy:
            raise DatabaseBusy("Busy.")
        return {i: (self.runs[i].state, self.runs[i].claim) for i in wanted if i in self.runs}

    def by_ids(self, ids: Iterable[int]) -> dict[int, Run]:
        return {run_id: self.runs[run_id] for run_id in ids if run_id in self.runs}

    def list(self, filters: RunFilter, limit: int) -> Page[Run]:
        newest = sorted(self.runs.values(), key=lambda run: -run.id)
        return Page(values=newest[:limit], next=None)

    def live(self, since_id: int = 0) -> Sequence[tuple[int, str | None, RunState]]:
        living = [run for run in self.runs.values() if run.state is RunState.RUNNING]
        return [(run.id, None, run.state) for run in living]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def watcher(book: Book, tmp_path: Path) -> Iterator[Watcher]:
    watcher = Watcher(book, tmp_path, share=3)
    yield watcher
    watcher.close()


def _hint(data_dir: Path) -> None:
    wake = Wake(data_dir)
    wake.notify("web")
    wake._socket.close()


def _state(waiter: Waiter) -> RunState | None:
    news = waiter.next(10)
    assert isinstance(news, Run)
    return news.state


def test_a_waiter_hears_the_present_state_and_each_later_one(
    book: Book, watcher: Watcher, tmp_path: Path
) -> None:
    book.put(1, RunState.QUEUED)
    with watcher.watch(1, None) as waiter:
        assert _state(waiter) is RunState.QUEUED

        book.put(1, RunState.DONE)
        _hint(tmp_path)

        assert _state(waiter) is RunState.DONE


def test_a_change_without_a_hint_is_heard_within_the_bounded_sleep(
    book: Book, watcher: Watcher
) -> None:
    book.put(1, RunState.QUEUED)
    with watcher.watch(1, None) as waiter:
        _state(waiter)

        book.put(1, RunState.RUNNING)

        assert _state(waiter) is RunState.RUNNING


def test_all_who_wait_are_served_by_one_query(book: Book, watcher: Watcher) -> None:
    for run_id in (1, 2):
        book.put(run_id, RunState.RUNNING)
    with watcher.watch(1, None) as first, watcher.watch(2, None) as second:
        _state(first)
        _state(second)
        book.asked.clear()

        until(lambda: book.asked)

        assert book.asked[0] == [1, 2]


def test_beyond_their_share_waiters_are_refused(watcher: Watcher) -> None:
    waiters = [watcher.watch(1, None) for _ in range(3)]

    with pytest.raises(Unavailable) as refusal:
        watcher.watch(1, None)

    assert refusal.value.retry_after > 0
    waiters[0].leave()
    watcher.watch(1, None).leave()


def test_a_client_that_leaves_is_seen(book: Book, watcher: Watcher) -> None:
    book.put(1, RunState.RUNNING)
    ours, theirs = socket.socketpair()
    with ours, watcher.watch(1, ours) as waiter:
        _state(waiter)

        theirs.close()

        assert waiter.next(10) is Notice.GONE


def test_an_unknown_run_brings_no_news(watcher: Watcher) -> None:
    with watcher.watch(404, None) as waiter:
        assert waiter.next(0.1) is None


def test_a_busy_database_is_asked_again(book: Book, watcher: Watcher) -> None:
    book.put(1, RunState.DONE)
    book.busy = True
    with watcher.watch(1, None) as waiter:
        until(lambda: book.asked)
        book.busy = False

        assert _state(waiter) is RunState.DONE


def test_a_defect_does_not_end_the_watch(
    book: Book, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.put(1, RunState.DONE)
    asked = threading.Event()

    def broken(_ids: Iterable[int]) -> dict[int, Run]:
        asked.set()
        raise ZeroDivisionError

    monkeypatch.setattr(book, "by_ids", broken)
    with watcher.watch(1, None) as waiter:
        assert asked.wait(10)
        monkeypatch.undo()

        assert _state(waiter) is RunState.DONE


def test_who_hears_all_hears_changes_from_now_on(
    book: Book, watcher: Watcher, tmp_path: Path
) -> None:
    book.put(1, RunState.DONE)
    book.put(2, RunState.RUNNING)
    with watcher.watch(None, None) as waiter:
        until(lambda: book.asked)
        book.put(2, RunState.DONE)
        book.put(3, RunState.QUEUED)
        _hint(tmp_path)

        heard = [waiter.next(10), waiter.next(10)]

        assert [(run.id, run.state) for run in heard if isinstance(run, Run)] == [
            (2, RunState.DONE),
            (3, RunState.QUEUED),
        ]
        book.put(3, RunState.DONE)
        assert _state(waiter) is RunState.DONE
        assert waiter.next(0) is None


def test_a_run_that_came_and_went_between_two_looks_is_heard_of(
    book: Book, watcher: Watcher
) -> None:
    with watcher.watch(None, None) as waiter:
        until(lambda: watcher._all._newest is not None)

        book.put(7, RunState.DONE)

        assert _state(waiter) is RunState.DONE


def test_a_reader_that_does_not_keep_up_is_told_to_give_up(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobsched.web.watching.MOST_UNREAD", 2)
    with watcher.watch(5, None) as waiter:
        for _ in range(5):
            waiter.tell(_run(5))

        assert isinstance(waiter.next(0), Run)
        assert isinstance(waiter.next(0), Run)
        assert waiter.next(0) is Notice.OVERRUN
        assert waiter.next(0) is None


def test_the_end_of_the_server_ends_all_waiting(book: Book, tmp_path: Path) -> None:
    stopping = threading.Event()
    watcher = Watcher(book, tmp_path, 3, stopping)
    with watcher.watch(1, None) as waiter:
        stopping.set()

        assert waiter.next(10) is Notice.STOPPING
    watcher.close()
    assert not list((tmp_path / "wake").iterdir())
