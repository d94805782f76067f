"""The reports of the runs in hand: where they lie, and their way into the rows before the ends.

An end is settled once its report has been taken over. That goes in small steps, a turn of the
loop each, so that a run with a hundred thousand failed records holds up no other.
"""

from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from jobsched import clock
from jobsched.execution.protocol import Key
from jobsched.execution.supervisor.lines import ReportLines
from jobsched.execution.supervisor.reportfiles import ReportFiles
from jobsched.execution.supervisor.takeover import Given, Takeover
from jobsched.model import RunState
from jobsched.storage import Store
from jobsched.storage.claims import Settlement
from jobsched.storage.records import Portion
from jobsched.storage.tallies import Report

_PORTIONS = 4  # blocks of 64 KB in one step


class Reports:
    """What the runs of this machine have reported, and how far that is in the rows."""

    def __init__(self, store: Store, files: ReportFiles) -> None:
        self._store = store
        self._files = files
        self._underway: dict[Key, Takeover] = {}
        self._turns: deque[Key] = deque()
        self._read: dict[Key, Report | None] = {}
        self._untaken: list[Portion] = []

    def ready(self, ends: Mapping[Key, Settlement]) -> dict[Key, Settlement]:
        """Return the *ends* whose reports have been taken over, each with what that says.

        Raises: JobschedError (database); nothing is lost, the next call goes on.
        """
        for key in ends:
            if key not in self._read and key not in self._underway:
                self._look(key)
        self._step()
        read = self._read
        return {
            key: end if read[key] is None else replace(end, report=read[key])
            for key, end in ends.items()
            if key in read
        }

    def settled(self, keys: Iterable[Key]) -> None:
        """Remove the files of runs whose ends stand in the rows."""
        for key in keys:
            if self._read.pop(key, None) is not None or self._files.made(key):
                self._files.remove(key)

    def tidy(self, hosted: Container[Key]) -> None:
        """Remove what runs have left that are not *hosted* and are done. Raises: JobschedError."""
        left = [key for key in self._files.left() if key not in hosted]
        states = self._store.runs.states({run_id for run_id, _ in left})
        for key in left:
            state, claim = states.get(key[0], (RunState.DONE, 0))
            if state is RunState.DONE or claim > key[1]:
                self._files.remove(key)

    def _look(self, key: Key) -> None:
        """Begin to read the report of a run, if there is one."""
        path = self._files.report_of(key)
        if path is None:
            self._read[key] = None
            return
        try:
            lines = ReportLines(path)
        except OSError as error:
            why = error.strerror or str(error).rstrip(".")
            self._read[key] = Report(note=f"Its report cannot be read: {why}.")
            return
        self._underway[key] = Takeover(key[0], lines, lambda: self._given(key[0]))
        self._turns.append(key)

    def _given(self, run_id: int) -> Given:
        run = self._store.runs.get(run_id)
        if run is None or run.retry_of is None:
            return Given(())
        return Given(self._store.records.given_digests(run.retry_of, run_id))

    def _step(self) -> None:
        """Take over a little of the reports under way, in turn, in one transaction."""
        for _ in range(_PORTIONS if not self._untaken else 0):
            if not self._turns:
                break
            key = self._turns.popleft()
            takeover = self._underway[key]
            self._turns.append(key)
            portion = takeover.portion()
            if portion.failures or portion.solved:
                self._untaken.append(portion)
            if takeover.over:
                self._turns.pop()
        if self._untaken:
            self._store.records.take(self._untaken, clock.now_us())
            self._untaken = []
        for key in [key for key, takeover in self._underway.items() if takeover.over]:
            self._read[key] = self._underway.pop(key).report()
