"""How long history is kept: runs with output and records, the ledger, the audit log, used keys.

Of each job the newest runs stay (the setting, or the job's own number), runs without a job for
some days, the ledger and the audit log longer; what failed and waits for a retry outlives its
run. Everything goes in small transactions, so that no writer waits.
"""

import shutil
import threading
from contextlib import suppress
from pathlib import Path

from jobsched import clock
from jobsched.events import Event
from jobsched.execution.places import output_files, output_path
from jobsched.model import WebJobType
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.pruning import Keeping
from jobsched.webjobs import runids
from jobsched.webjobs.places import Site

BATCH = 200  # rows per transaction
MOST_BUSY = 500  # jobs per round
AUDIT_DAYS = 90
RECORD_DAYS = 30  # what still waits for a retry, after its runs have gone
RECORDS = 1000  # per transaction
_DAY = 86_400 * clock.SECOND
_HOUR = 3_600 * clock.SECOND


class Retention:
    """Deletes what has been kept long enough; :meth:`prune` is one round."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._pruning = store.pruning
        self._site = Site(settings.data_dir, settings.webjobs_root_path)
        self._busy: set[str] = set()  # jobs that had a run end since the last round
        self._after = 0
        self._records_after = 0

    def hear(self, event: Event) -> None:
        """Note which job had a run end: a listener for events, called by any thread."""
        if event.name == "run finished" and "job" in event.fields:
            self._busy.add(str(event.fields["job"]))

    def prune(self, done: threading.Event) -> None:
        """Do one round: jobs that ran, some of the others, what has no job, ledger, audit, keys.

        Leaves early when *done* is set. Raises: JobschedError (database); the next round goes on.
        """
        self.prune_busy(done)
        self._prune_jobs(self._some_others(), done)
        before = _days_ago(self._settings.history_days)
        while not done.is_set() and (ids := self._pruning.without_job(before, BATCH)):
            self._delete(ids)
        while not done.is_set() and (ids := self._pruning.hidden(BATCH)):
            self._delete(ids)
        self._prune_ledger()
        self._prune_records()
        while not done.is_set() and self._store.audit.prune(_days_ago(AUDIT_DAYS), BATCH):
            pass
        while not done.is_set() and self._store.idempotency.prune(clock.now_us(), BATCH):
            pass

    def prune_busy(self, done: threading.Event) -> None:
        """Look only at jobs of which a run has ended since the last time."""
        self._prune_jobs(self._ran(), done)

    def forget(self, key: int) -> None:
        """Delete every finished run of the job with this number."""
        while ids := self._pruning.beyond(key, 0, BATCH):
            self._delete(ids)

    def forget_runs(self, ids: list[int]) -> None:
        """Delete these runs; they have to be over."""
        self._delete(ids)

    def _prune_jobs(self, jobs: list[Keeping], done: threading.Event) -> None:
        for keeping in jobs:
            if done.is_set():
                return
            self._prune_job(keeping)

    def _ran(self) -> list[Keeping]:
        # The rest waits for the next round: a thousand busy jobs must not keep a core busy too.
        busy = [self._busy.pop() for _ in range(min(MOST_BUSY, len(self._busy)))]
        found = [self._pruning.job(job_id) for job_id in busy]
        return [keeping for keeping in found if keeping is not None]

    def _some_others(self) -> list[Keeping]:
        """Return the next jobs in turn: after a while all of them have been looked at."""
        jobs = self._pruning.jobs(self._after, BATCH)
        self._after = jobs[-1][0] if len(jobs) == BATCH else 0
        return jobs

    def _prune_job(self, keeping: Keeping) -> None:
        key, wanted = keeping
        keep = self._settings.history if wanted is None else wanted
        while ids := self._pruning.beyond(key, keep, BATCH):
            self._delete(ids)

    def _delete(self, ids: list[int]) -> None:
        web_jobs = self._pruning.web_job_runs(ids)
        while self._store.forgetting.with_runs(ids, RECORDS):
            pass
        self._pruning.delete(ids)
        for name, created_us in web_jobs:
            run = runids.id_of(clock.from_us(created_us))
            shutil.rmtree(self._site.data(WebJobType.TRIGGERED, name) / run, ignore_errors=True)
        for run_id in ids:
            for path in output_files(self._settings.runs_dir, run_id):
                path.unlink(missing_ok=True)
        for folder in {path.parent for path in self._folders(ids)}:
            with suppress(OSError):  # the others in it are still kept
                folder.rmdir()

    def _folders(self, ids: list[int]) -> list[Path]:
        return [output_path(self._settings.runs_dir, run_id, 1) for run_id in ids]

    def _prune_records(self) -> None:
        before = _days_ago(RECORD_DAYS)
        orphans = self._store.forgetting.orphans
        self._records_after = orphans(before, self._records_after, RECORDS)

    def _prune_ledger(self) -> None:
        occurrences, now_us = self._store.occurrences, clock.now_us()
        older_than = now_us - self._settings.fold_hours * _HOUR
        while occurrences.fold(now_us, older_than, BATCH):
            pass
        while occurrences.prune(now_us, self._settings.ledger_days, BATCH):
            pass


def _days_ago(days: int) -> int:
    return clock.now_us() - days * _DAY
