"""What runs wrote: kept in the database when short, in files when not."""

import os
from contextlib import suppress
from dataclasses import dataclass

from jobsched.execution.output import Output
from jobsched.execution.places import output_path
from jobsched.model import ON_A_MACHINE, Run
from jobsched.operations.configuration import Configuration
from jobsched.storage import Store


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
        if run.state in ON_A_MACHINE:
            path = os.fspath(self._path(run))
            out, err = _size(path + ".out"), _size(path + ".err")
            return Sizes(out, out), Sizes(err, err)
        cap = self._configuration.settings.output_cap
        return (
            Sizes(run.out_bytes, min(run.out_bytes, cap)),
            Sizes(run.err_bytes, min(run.err_bytes, cap)),
        )

    def _path(self, run: Run) -> "os.PathLike[str]":
        return output_path(self._configuration.settings.runs_dir, run.id, run.claim)


def _size(path: str) -> int:
    with suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116 - called for every living run of a list
    return 0
