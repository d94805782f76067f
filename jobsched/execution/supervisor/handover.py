"""Retries on their way to a runner: the records that they are to try again go into files first.

A page of records at each turn of the loop, so that nobody waits for a retry of a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from jobsched.execution.protocol import Key
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.reportfiles import Owner, ReportFiles
from jobsched.model import Run
from jobsched.storage.records import Records


@dataclass(slots=True, kw_only=True)
class _Underway:
    runner: str
    run: Run
    steps: Iterator[int]
    written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A *run* that can be handed to *runner*; or *failure* says why its file could not be made."""

    runner: str
    run: Run
    failure: str | None = None


class Handover:
    """The retries whose files are being written, and what each run is told of its files."""

    def __init__(self, records: Records, files: ReportFiles) -> None:
        self.files = files
        self._records = records
        self._underway: dict[Key, _Underway] = {}
        self._given: set[Key] = set()  # which have records to try again

    @property
    def busy(self) -> bool:
        """Whether more is to be written: come back soon."""
        return bool(self._underway)

    def begin(self, runner: str, run: Run, owner: Owner | None) -> bool:
        """Begin to write what *run* is to try again; return False when it is no retry."""
        if run.retry_of is None:
            return False
        key = (run.id, run.claim)
        pages = self._records.given(run.retry_of, run.id)
        steps = self.files.write_records(key, owner, pages)
        self._underway[key] = _Underway(runner=runner, run=run, steps=steps)
        return True

    def holds(self, key: Key) -> bool:
        """Return whether the files of a run are being written."""
        return key in self._underway

    def drop(self, key: Key) -> bool:
        """Write no more for this run; return whether it was under way."""
        self._given.discard(key)
        return self._underway.pop(key, None) is not None

    def forget(self, key: Key) -> None:
        """Take back what a run was to be given that goes back to the queue."""
        self.drop(key)
        if self.files.made(key):
            self.files.remove(key)

    def step(self) -> Iterator[Prepared]:
        """Write one more page for each; yield those that are done. Raises: JobschedError."""
        for key, one in [*self._underway.items()]:
            failure = None
            try:
                one.written = next(one.steps)
                continue
            except StopIteration:
                if one.written:
                    self._given.add(key)
            except OSError as error:
                failure = f"the records to try again: {error.strerror or error}"
            del self._underway[key]
            yield Prepared(runner=one.runner, run=one.run, failure=failure)

    def variables(self, run: Run, owner: Owner | None) -> dict[str, str]:
        """Return what a run that is about to start is told of its files."""
        key = (run.id, run.claim)
        told = self.files.variables(key, owner, key in self._given)
        if key in self._given and not told:
            raise CannotStart("There is no place for the records that it is to try again.")
        self._given.discard(key)
        return told
