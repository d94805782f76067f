"""Both streams of a run as they grow, for answers that go on: every byte once, in their order."""

from collections.abc import Iterator

from jobsched.execution.following import Following
from jobsched.execution.places import output_path
from jobsched.model import Run, RunState
from jobsched.operations import Operations


class Followed:
    """Reads on where it stopped; the first *offset* bytes are passed over."""

    def __init__(self, verbs: Operations, offset: int = 0) -> None:
        self._verbs = verbs
        self._skip = offset
        self._claim = 0
        self._following: Following | None = None

    def news(self, run: Run) -> Iterator[bytes]:
        """Yield what has come since the last call; *run* as it is known by now.

        Of a living run without asking the database; of a finished one everything that is left.
        """
        for block in self._blocks(run):
            passed = min(self._skip, len(block))
            self._skip -= passed
            if passed < len(block):
                yield block[passed:]

    def _blocks(self, run: Run) -> Iterator[bytes]:
        finished = run.state is RunState.DONE
        stored = self._verbs.store.outputs.get(run.id) if finished else None
        if stored is not None:
            return self._verbs.outputs.of(run).blocks()
        return self._files(run).news(finished=finished)

    def _files(self, run: Run) -> Following:
        """Return what reads the files of the run's present claim: others have never begun."""
        if self._following is None or self._claim != run.claim:
            runs_dir = self._verbs.configuration.settings.runs_dir
            self._claim = run.claim
            self._following = Following(output_path(runs_dir, run.id, run.claim))
        return self._following
