"""Runs that live only as long as the client who asked for them stays connected.

Each has a row here until it is done: which process holds the client's connection. Whoever finds
that the client, or that process, is gone stops the run.
"""

from collections.abc import Callable, Iterable, Sequence

from jobsched.model import EndedBy, Run
from jobsched.storage import stops
from jobsched.storage.database import Database
from jobsched.storage.newruns import NewRun, insert

_ATTACH = "INSERT INTO attached (run_id, holder) VALUES (:run_id, :holder)"
_ALL = "SELECT run_id, holder FROM attached ORDER BY run_id"
_FORGET = "DELETE FROM attached WHERE run_id = :run_id"


class Attached:
    """What is attached to clients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewRun, holder: str, visible: Callable[[], None]) -> Run:
        """Queue *new*, a run without a job, whose client *holder* holds; *visible* as for runs."""
        with self._database.write_early(visible) as connection:
            run = insert(self._database, connection, new, None)
            values = {"run_id": run.id, "holder": holder}
            self._database.run(connection, _ATTACH, values)
        return run

    def all(self) -> list[tuple[int, str]]:
        """Return (run, holder) of all that are attached."""
        with self._database.read() as connection:
            return [(row[0], row[1]) for row in self._database.run(connection, _ALL)]

    def forget(self, run_ids: Iterable[int]) -> None:
        """Note that these are done."""
        with self._database.write() as connection:
            self._database.many(connection, _FORGET, [{"run_id": one} for one in run_ids])

    def stop(
        self,
        run_ids: Sequence[int],
        reason: str,
        now_us: int,
        by: EndedBy = EndedBy.DISCONNECT,
    ) -> None:
        """Stop these, as far as they are not done, because their clients are gone, or will be."""
        with self._database.write() as connection:
            for run_id in run_ids:
                stops.stop(self._database, connection, run_id, by, reason, now_us)
            self._database.many(connection, _FORGET, [{"run_id": one} for one in run_ids])
