"""The moments of all jobs, merged in order of time, read no further than they are wanted.

Jobs come out of the database by the time at which they are looked at next, a page at a time.
Every job that has been read waits in a heap with its next moment.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jobsched.model import JobState
from jobsched.operations.concurrency import Concurrency
from jobsched.storage.database import Database
from jobsched.storage.durations import p95_of_jobs
from jobsched.storage.upcoming import Alive, Planned, alive, planned, planned_at
from jobsched.triggers import Trigger

FEW, MUCH = 50, 10_000  # jobs read at once: the fewest, and on the way to a later page
BEYOND = 2**62  # more than any number of a job

Restore = Callable[[str], Trigger | None]
Place = tuple[int, int]  # a moment and the number of its job
_Entry = tuple[int, int, Planned]


class Span(NamedTuple):
    """Which moments: later than *floor_us*, none later than *end_us*, those after *place*."""

    now_us: int
    floor_us: int
    end_us: int
    place: Place


class Row(NamedTuple):
    """One moment of *job*, the *p95* of its runs in microseconds, and how many run then."""

    at_us: int
    job: Planned
    p95: int | None
    running: int


class Lineup:
    """The moments in *span*; *restore* makes the trigger of its text, None if it is broken."""

    def __init__(self, database: Database, restore: Restore, span: Span) -> None:
        self._database = database
        self._restore = restore
        self._span = span
        self._place = max(span.place, (span.floor_us, BEYOND))
        self._heap: list[_Entry] = []
        self._read: Place = (-BEYOND, 0)  # where reading has come to
        self._at_last = 0  # jobs in the heap that are due just then
        self._all_read = False
        self._p95: dict[int, int] = {}
        self._concurrency = Concurrency()
        self._crowded: list[Alive] = []

    def rows(self, most: int) -> list[Row]:
        """Return the first *most* rows."""
        self._count_alive()
        found: list[Row] = []
        while len(found) < most and (at := self._next_instant(most)) is not None:
            found += self._at(at, most - len(found))
        return found

    def _count_alive(self) -> None:
        """Count the runs that are alive, each for as long as such runs take.

        One that waits counts as if it began now; one that has outlived its time may end at any.
        """
        runs = alive(self._database)
        self._p95 |= p95_of_jobs(self._database, {run.job_key for run in runs})
        for run in runs:
            begun = self._span.now_us if run.started_us is None else run.started_us
            end = begun + self._p95.get(run.job_key, 0)
            if end > self._span.now_us:
                self._concurrency.add(run.job_key, end, run.max_instances)
        self._crowded = [run for run in runs if run.state == JobState.ACTIVE]

    def _next_instant(self, most: int) -> int | None:
        """Return the time of the next moment, None at the end."""
        while not self._all_read and not (self._heap and self._heap[0][0] <= self._read[0]):
            self._read_on(most)
        return self._heap[0][0] if self._heap else None

    def _read_on(self, most: int) -> None:
        """Read further jobs into the heap."""
        before_page = 0 <= self._read[0] < self._place[0]
        size = MUCH if before_page else max(most, FEW)
        jobs = planned(self._database, self._read, self._span.end_us, size)
        self._all_read = len(jobs) < size
        self._p95 |= p95_of_jobs(self._database, {job.key for job in jobs} - self._p95.keys())
        for job in jobs:
            if job.next_us != self._read[0]:
                self._at_last = 0
            self._read = (job.next_us, job.key)
            self._enter(job)

    def _enter(self, job: Planned) -> None:
        if job.state == JobState.ACTIVE and (job.next_us, job.key) > self._place:
            self._at_last += 1
            heapq.heappush(self._heap, (job.next_us, job.key, job))
            return
        trigger = self._restore(job.trigger)
        if trigger is None:
            return
        floor = max(self._span.floor_us, job.next_us - 1)
        passed = self._place[0] if job.key <= self._place[1] else self._place[0] - 1
        if passed > floor:
            self._count_passed(job, trigger, floor, passed)
        self._push(job, trigger.next_after(max(floor, passed)))

    def _count_passed(self, job: Planned, trigger: Trigger, floor: int, last: int) -> None:
        """Count the runs that began after *floor*, *last* included, and last until the page."""
        lasting = self._lasting(job)
        begin = max(floor, self._place[0] - lasting) + 1
        for moment in trigger.newest_between(begin, last + 1, job.max_instances):
            self._concurrency.add(job.key, moment + lasting, job.max_instances)

    def _push(self, job: Planned, moment: int | None) -> None:
        if moment is not None and moment <= self._span.end_us:
            heapq.heappush(self._heap, (moment, job.key, job))

    def _at(self, at: int, room: int) -> list[Row]:
        """Return up to *room* rows of the moments at *at*, and move their jobs on."""
        while not self._all_read and self._read[0] == at and self._at_last < room:
            self._read_on(room)
        unread = self._unread(at)
        members = [job for _, _, job in self._taken(at)]
        self._concurrency.at(at)
        for job in members:
            self._concurrency.add(job.key, at + self._lasting(job), job.max_instances)
        running = self._concurrency.at(at) + unread
        shown = members[:room]
        if len(shown) == len(members):
            self._move_on(shown, at)
        return [Row(at, job, self._p95.get(job.key), running) for job in shown]

    def _taken(self, at: int) -> Iterator[_Entry]:
        while self._heap and self._heap[0][0] == at:
            yield heapq.heappop(self._heap)

    def _move_on(self, jobs: Sequence[Planned], at: int) -> None:
        for job in jobs:
            trigger = self._restore(job.trigger)
            if trigger is not None:
                self._push(job, trigger.next_after(at))

    def _unread(self, at: int) -> int:
        """Return how many runs begin at *at* of jobs that the page has no room to read."""
        if self._all_read or self._read[0] != at:
            return 0
        count, paused = planned_at(self._database, at, self._read[1])
        floor = max(self._span.floor_us, at - 1)
        resumed = (self._restore(job.trigger) for job in paused)
        count += sum(trigger is not None and trigger.next_after(floor) == at for trigger in resumed)
        return count - self._crowded_out(at)

    def _crowded_out(self, at: int) -> int:
        """Return how many of those begin beside so many runs that they count no more."""
        self._concurrency.at(at)
        full = {
            run.job_key
            for run in self._crowded
            if run.next_us == at
            and run.job_key > self._read[1]
            and self._concurrency.of(run.job_key) >= run.max_instances
        }
        return len(full)

    def _lasting(self, job: Planned) -> int:
        """Return how long a run of *job* is expected to take, at least its first microsecond."""
        return max(1, self._p95.get(job.key, 0))
