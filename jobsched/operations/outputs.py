"""What runs wrote: kept in the database when short, in files when not."""

import os
from contextlib import suppress
from dataclasses import dataclass

from jobsched.catalog import WRAPPED
from jobsched.execution.output import Output
from jobsched.execution.places import output_path
from jobsched.execution.runner.capture import SMALL
from jobsched.model import ON_A_MACHINE, Run
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store

# Stands in the reason of a run whose output is not all there: a full disk, a runner that died.
_INCOMPLETE = "output is "


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one stream: written by the run, and kept of it."""

    written: int
    kept: int


class Outputs:
    """Finding and reading the output of runs."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        self._configuration = configuration

    def of(self, run: Run) -> Output:
        """Return the output of *run* as it stands now; ask again to see what came since."""
        stored = self._store.outputs.get(run.id)
        return Output.in_files(self._path(run)) if stored is None else Output.stored(*stored)

    def sizes(self, run: Run) -> tuple[Sizes, Sizes]:
        """Return the sizes of out and err; of a living run as far as its files tell."""
        written = (run.out_bytes, run.err_bytes)
        if run.task == WRAPPED:
            out, err = self._in_rows(run)
        elif run.state in ON_A_MACHINE:
            out, err = written = self._in_files(run)
        elif max(written) > SMALL:
            out, err = self._in_files(run)
        elif _INCOMPLETE in (run.reason or ""):
            found = self.of(run)
            out, err = found.size("out"), found.size("err")
        else:
            out, err = written
        return Sizes(written[0], out), Sizes(written[1], err)

    def _in_rows(self, run: Run) -> tuple[int, int]:
        if max(run.out_bytes, run.err_bytes) <= SMALL:  # all of it
            return run.out_bytes, run.err_bytes
        found = self.of(run)
        return found.size("out"), found.size("err")

    def _in_files(self, run: Run) -> tuple[int, int]:
        path = os.fspath(self._path(run))
        return _size(path + ".out"), _size(path + ".err")

    def _path(self, run: Run) -> "os.PathLike[str]":
        return output_path(self._configuration.settings.runs_dir, run.id, run.claim)


def _size(path: str) -> int:
    with suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116 - called for every living run of a list
    return 0
