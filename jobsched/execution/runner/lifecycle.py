"""What happens to a run between the order and its end: spawn, limits, stop ladder, verdict.

Standard library only: the runner imports this.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

from jobsched.execution import processes
from jobsched.execution.journal import Journal
from jobsched.execution.protocol import SHORTAGES, Key, Message, StartRequest
from jobsched.execution.runner import starting
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.family import Family
from jobsched.execution.runner.hosted import ENDED, LEAVING, RECORDING, RUNNING, Hosted
from jobsched.execution.runner.joblog import RESTS_AFTER
from jobsched.execution.runner.loop import Loop

_AGAIN = 0.05  # seconds between two looks whether all that was killed is gone
_NOTICE = 2.0  # seconds for a run to act on its shutdown file before it gets a signal
_LEFTOVER_GRACE = 1.0  # seconds for what a run leaves behind, if its own grace is longer
_LEASE_OVER = "The right to be the only one was not renewed in time."
_SHORTEST_SAMPLE = 0.05
_RETRY_JOURNAL = 0.5
_LONGEST_DRAIN = 2**21  # bytes; more than a pipe can hold
_WORTH_WAKING = 2**18  # bytes
_REST = 0.002  # seconds


class Lifecycle:
    """The runs of this runner. *tell* sends a message to the supervisor."""

    def __init__(
        self, loop: Loop, journal: Journal, children: Children, tell: Callable[[Message], None]
    ) -> None:
        self.runs: dict[Key, Hosted] = {}
        self._loop = loop
        self._journal = journal
        self._children = children
        self._family = Family(children)
        self._tell = tell

    def one_look(self) -> AbstractContextManager[None]:
        """Let what lives be looked at once for all that is done meanwhile."""
        return self._family.one_look()

    def alive(self) -> bool:
        """Return whether anything of any run may still live."""
        return any(run.state != ENDED for run in self.runs.values())

    # Starting

    def begin(self, request: StartRequest) -> Hosted | None:
        """Journal that *request* is about to start, or refuse it: nothing starts unrecorded."""
        now_us = time.time_ns() // 1000
        try:
            self._journal.start(request.key, request.cookie, now_us, request.detach)
        except OSError as error:
            self.tell_refused(request.key, f"the journal: {error.strerror}", shortage=True)
            return None
        run = Hosted(request, self._loop.now, now_us)
        self.runs[run.key] = run
        return run

    def start_command(self, request: StartRequest) -> None:
        """Start a command, or tell why not."""
        run = self.begin(request)
        if run is None:
            return
        try:
            pid = self._spawn(run)
        except starting.Refused as refusal:
            self.refuse(run, refusal)
            return
        self._children.on_end(pid, partial(self.main_gone, run))
        self.started(run, pid, processes.start_time(pid))

    def _spawn(self, run: Hosted) -> int:
        ends: list[int] = []
        try:
            for number in (0, 1):
                run.pipes[number], writer = starting.pipe()
                ends.append(writer)
            return self._children.start(run.request, (ends[0], ends[1]))
        except OSError as error:
            shortage = error.errno in SHORTAGES
            raise starting.Refused(f"no pipes: {error.strerror}", shortage=shortage) from error
        finally:
            for writer in ends:
                os.close(writer)

    def refuse(self, run: Hosted, refusal: starting.Refused) -> None:
        """Forget *run*, which never became a process, and tell why."""
        del self.runs[run.key]
        for pipe in run.pipes:
            if pipe >= 0:
                os.close(pipe)
        facts = {"reason": refusal.reason, "shortage": refusal.shortage}
        with suppress(OSError):  # the order can be given again: it is the same claim
            self._journal.refused(run.key, facts)
        self.tell_refused(run.key, refusal.reason, shortage=refusal.shortage)

    def journal_worker(self, pid: int, start_time: int, cookie: str) -> None:
        """Record a task process, so that a sweep finds it."""
        with suppress(OSError):  # its runs are in the journal in any case
            self._journal.worker(pid, start_time, cookie)

    def tell_refused(self, key: Key, reason: str, *, shortage: bool) -> None:
        """Tell that *key* was not started."""
        run, claim = key
        self._tell(
            {"op": "refused", "run": run, "claim": claim, "reason": reason, "shortage": shortage}
        )

    def started(self, run: Hosted, pid: int, start_time: int) -> None:
        """Note, journal and tell which process *run* became."""
        run.pid, run.start_time = pid, start_time
        with suppress(OSError):  # its cookie is in the journal already
            self._journal.pid(run.key, pid, start_time)
        for number in (0, 1):
            if run.release is None:
                self._loop.watch(run.pipes[number], partial(self.read, run, number))
        if run.request.idle_timeout:
            run.next_sample = self._loop.now + _sampling(run.request.idle_timeout)
        self._tell(run.present_message())
        if run.stopped_by is not None:  # while its fork was under way
            _signal_group(pid, signal.SIGTERM, signal.SIGCONT)
        self.schedule(run)

    # Output

    def read(self, run: Hosted, number: int) -> None:
        """Take what *run* has written."""
        pipe = run.pipes[number]
        try:
            moved = run.capture.take(number, pipe)
        except BlockingIOError:
            return
        if not moved:
            self._loop.unwatch(pipe)
            os.close(pipe)
            run.pipes[number] = -1
            return
        run.idle_since = self._loop.now
        if run.log is not None and run.log.pending:
            self._loop.at(self._loop.now + RESTS_AFTER, (run.key, "log"), run.log.flush)
        if moved < _WORTH_WAKING and run.release is None and run.capture.floods(number):
            self._rest(run, number)

    def _rest(self, run: Hosted, number: int) -> None:
        # A flood in small portions: one wake-up for many of them.
        pipe = run.pipes[number]
        self._loop.unwatch(pipe)
        wake = partial(self._loop.watch, pipe, partial(self.read, run, number))
        self._loop.at(self._loop.now + _REST, (run.key, number), wake)

    def _drain(self, run: Hosted) -> None:
        # Without waiting for the end: somebody may hold the other side for hours.
        for number, pipe in enumerate(run.pipes):
            left = _LONGEST_DRAIN
            while pipe >= 0 and left > 0:
                try:
                    moved = run.capture.take(number, pipe)
                except BlockingIOError:
                    break
                if not moved:
                    break
                left -= moved

    # Time

    def schedule(self, run: Hosted) -> None:
        """Look after *run* again when something about it is due."""
        moment = run.next_moment()
        if moment is None:
            self._loop.cancel(run.key)
        else:
            self._loop.at(moment, run.key, partial(self._look_after, run))

    def _look_after(self, run: Hosted) -> None:
        now = self._loop.now
        if run.term_at is not None and now >= run.term_at:
            self._terminate(run)
        if run.kill_at is not None and now >= run.kill_at:
            self._kill_due(now)
        elif run.state == RUNNING:
            run.age(now)
            self._enforce_lease(run, now)
            if run.stopped_by is None:
                self._enforce(run, now)
        if run.state in {RUNNING, LEAVING}:
            self.schedule(run)

    def _enforce(self, run: Hosted, now: float) -> None:
        if run.deadline is not None and now >= run.deadline:
            self.stop(run, "timeout", run.deadline_reason)
        elif run.next_sample is not None and now >= run.next_sample:
            self._sample(run, now)

    def _enforce_lease(self, run: Hosted, now: float) -> None:
        """Kill *run* if nobody has said that it may go on: another may be about to start."""
        if run.lease_until is not None and now >= run.lease_until:
            run.lease_until = None
            self.stop(run, "replaced", _LEASE_OVER, at_once=True)

    def _sample(self, run: Hosted, now: float) -> None:
        window = run.request.idle_timeout or 0.0
        ticks = self._family.ticks(run, self.runs.values(), now, min(1.0, window / 8))
        if ticks != run.busy_ticks:
            run.busy_ticks, run.idle_since = ticks, now
        if now - run.idle_since >= window:
            self.stop(run, "idle", f"Neither output nor CPU time for {window:g} s.")
        # Never at once: what is due again while it is dealt with keeps the loop from all else.
        wait = min(_sampling(window), run.idle_since + window - now)
        run.next_sample = now + max(wait, _SHORTEST_SAMPLE)

    # Stopping

    def stop(
        self, run: Hosted, ended_by: str, reason: str | None, *, at_once: bool = False
    ) -> None:
        """Ask *run*'s processes to end; kill them after the grace, or *at_once*.

        What has ended by itself, or is being stopped for another reason, keeps its own; only
        *at_once* shortens what goes on already.
        """
        if run.state not in {RUNNING, LEAVING}:
            return
        if run.state == RUNNING and (run.stopped_by is None or at_once):
            run.stopped_by, run.reason = ended_by, reason
            if run.log is not None:
                run.log.stopping(ended_by, reason)
        grace = 0.0 if at_once else run.request.grace
        moment = self._loop.now + grace
        run.kill_at = moment if run.kill_at is None else min(run.kill_at, moment)
        if run.state == RUNNING and not at_once and run.term_at is None and not run.asked:
            # Who handles the signal hears it now; to all others it would be the end, before they
            # could have seen their shutdown file.
            noticed = run.write_shutdown_file() and not processes.handles(run.pid, signal.SIGTERM)
            run.term_at = self._loop.now + (min(_NOTICE, grace / 2) if noticed else 0.0)
            if not noticed:
                self._terminate(run)
        self.schedule(run)

    def _terminate(self, run: Hosted) -> None:
        run.term_at = None
        if run.state == RUNNING:
            run.asked = True  # told again, it would interrupt what a job does to end in good order
            _signal_group(run.pid, signal.SIGTERM, signal.SIGCONT)

    def _kill_due(self, now: float) -> None:
        """Kill all runs whose moment has come: together, for each look costs its time."""
        due = [one for one in self.runs.values() if _is_to_be_killed(one, now)]
        for run in due:
            if run.state == RUNNING:
                _signal_group(run.pid, signal.SIGKILL)
        processes.kill_all(lambda: self._family.of(due, self.runs.values()))
        with self.one_look():
            for run in due:
                run.kill_at = now + _AGAIN
                self._children_changed(run)

    # Ending

    def main_gone(self, run: Hosted, status: Message) -> None:
        """Note how the main process of *run* ended; stop what it has left."""
        if run.state == RUNNING:
            run.end(status, time.time_ns() // 1000)
        self.leave(run)

    def leave(self, run: Hosted) -> None:
        """Finish *run*, whose end is known, once nothing of it lives."""
        left = self._left(run)
        if not left:
            self._finish(run)
            return
        for one in left:  # in whatever session or group
            processes.send(one, signal.SIGTERM)
            processes.send(one, signal.SIGCONT)
        if run.kill_at is None:
            run.kill_at = self._loop.now + min(run.request.grace, _LEFTOVER_GRACE)
        self.schedule(run)

    def _left(self, run: Hosted) -> list[processes.Process]:
        if run.request.detach and run.stopped_by is None:
            self._family.spare(run)
            return []
        if not self._children.strangers() and (run.keeps_main or run.pid not in self._children):
            return []
        members = self._family.of([run], self.runs.values())
        if run.keeps_main and all(one.pid == run.pid for one in members):
            return []
        run.keeps_main = False  # a worker that has left something behind goes with it
        return members

    def _children_changed(self, run: Hosted) -> None:
        if run.state == LEAVING and not self._left(run):
            self._finish(run)

    def orphans_gone(self) -> None:
        """Look again at the runs that only wait for what they left behind."""
        for run in [one for one in self.runs.values() if one.state == LEAVING]:
            self._children_changed(run)

    def _finish(self, run: Hosted) -> None:
        run.state = RECORDING
        self._loop.cancel(run.key)
        self._drain(run)
        for number, pipe in enumerate(run.pipes):
            if pipe >= 0 and run.release is None:
                self._loop.cancel((run.key, number))
                self._loop.unwatch(pipe)
                os.close(pipe)
                run.pipes[number] = -1
        run.complete()
        run.kill_at = run.term_at = None
        if run.log is not None:
            self._loop.cancel((run.key, "log"))
            run.log.end(run.facts)
        if run.release is not None:
            run.release()
        self._record_end(run)

    def _record_end(self, run: Hosted) -> None:
        try:
            self._journal.end(run.key, run.facts)
        except OSError:  # disk full: an end is not told before it stands in the journal
            self._loop.at(self._loop.now + _RETRY_JOURNAL, run.key, partial(self._record_end, run))
            return
        run.state = ENDED
        self._tell(run.ended_message())


def _is_to_be_killed(run: Hosted, now: float) -> bool:
    due = run.kill_at is not None and now >= run.kill_at
    return due and run.state in {RUNNING, LEAVING}


def _sampling(window: float) -> float:
    return min(max(window / 4, 0.1), 5.0)


def _signal_group(pid: int, *numbers: int) -> None:
    # Only for a child of ours that is not yet reaped: its pid cannot be another's. A run whose
    # fork is under way has none, and 0 would mean ourselves.
    if pid <= 1:
        return
    for number in numbers:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
