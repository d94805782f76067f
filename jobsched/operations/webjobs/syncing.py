"""Bringing the rows of web jobs in line with their folders.

Rows are read before the disk, and written only at the version that was read: whoever comes
second looks again, so any number of processes may do this at the same time.
"""

import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from jobsched import clock
from jobsched.errors import Conflict, StaleVersion, Unavailable, UnknownJob, UnknownRun
from jobsched.execution.script import SCRIPT_TYPES, can_run
from jobsched.model import EndedBy, Job, Mode, Run, RunState, WebJob, WebJobType
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.queueing import Queue
from jobsched.operations.webjobs import planning
from jobsched.operations.webjobs.identity import job_id
from jobsched.operations.webjobs.wanting import Present, wanted
from jobsched.storage import Store
from jobsched.storage.webjobs import Facts
from jobsched.webjobs import appsettings, discovery
from jobsched.webjobs.choice import Scripts
from jobsched.webjobs.discovery import Found, Name
from jobsched.webjobs.places import Site

_ATTEMPTS = 5  # against others who change the same job at the same time
_COMPARED = (
    "name", "folder", "script", "settings", "error", "in_place", "disabled", "fingerprint",
    "inputs",
)  # fmt: skip
Known = tuple[WebJob, Job | None]
_rest = time.sleep
_SECOND_LOOK = 0.3  # seconds: a folder that is being replaced is not gone


@dataclass(slots=True, kw_only=True)
class Synced:
    """What a sync has done, by the names of the jobs."""

    created: list[Name] = field(default_factory=list)
    changed: list[Name] = field(default_factory=list)
    deleted: list[Name] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.deleted)


class Syncer:
    """Looks at folders and writes what has changed."""

    def __init__(
        self, store: Store, configuration: Configuration, queue: Queue, announce: Announcer
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._queue = queue
        self._announce = announce

    def present(self) -> Present:
        """Return what is in force now."""
        settings, calendars = self._configuration.settings, self._configuration.calendars
        app = appsettings.read(self._store.switches, settings)
        return Present(settings=settings, app=app, calendars=calendars)

    def site(self) -> Site:
        """Return where things lie now."""
        present = self.present()
        return Site(present.settings.data_dir, present.app.root_path)

    def scripts(self) -> Scripts:
        """Return which scripts there can be here."""
        types = {**SCRIPT_TYPES, **self._configuration.settings.script_types}
        return Scripts(suffixes=(*types,), can_run=lambda path: can_run(path, types))

    def sync(
        self, names: Iterable[Name] | None = None, by: str = "files", *, surely: bool = False
    ) -> Synced:
        """Bring the jobs *names* (None = all) in line with their folders.

        A folder that is not there is looked for twice, unless it is *surely* gone.

        Raises: Unavailable when a folder of jobs cannot be read.
        """
        present = self.present()
        some = None if names is None else {(kind, name.lower()) for kind, name in names}
        rows = self._rows(some)
        found = self._look(some)
        done = Synced()
        jobs = self._store.jobs.by_keys(row.job_key for row in rows.values())
        for key in sorted(found):
            row = rows.get(key)
            known = None if row is None else (row, jobs.get(row.job_key))
            self._bring(found[key], known, present, done, by)
        gone = [key for key in sorted(rows) if key not in found and self._is_ours(rows[key])]
        self._remove(gone, done, by, surely=surely)
        return done

    def _rows(self, keys: Collection[Name] | None) -> dict[Name, WebJob]:
        if keys is None:
            return {(row.type, row.name.lower()): row for row in self._store.webjobs.all()}
        each = ((key, self._store.webjobs.get(job_id(*key))) for key in keys)
        return {key: row for key, row in each if row is not None}

    def _is_ours(self, row: WebJob) -> bool:
        """Return whether the folder of *row* would lie here: else another machine knows of it."""
        folder, site = Path(row.folder), self.site()
        below = any(folder.is_relative_to(root) for root in (site.root, site.jobs_root))
        return below or folder.exists()

    def _look(self, keys: Collection[Name] | None) -> dict[Name, Found]:
        site, scripts = self.site(), self.scripts()
        try:
            if keys is None:
                return discovery.discover(site, scripts)
            some = (discovery.find(site, scripts, *key) for key in keys)
            return {one.key: one for one in some if one is not None}
        except OSError as error:
            raise Unavailable(f"The folders of web jobs cannot be read: {error}.") from error

    def _bring(
        self,
        found: Found,
        known: Known | None,
        present: Present,
        done: Synced,
        by: str,
    ) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._write(found, known, present, done, by)
            except (StaleVersion, Conflict, UnknownJob):
                known = self._known(found)
            else:
                return

    def _write(
        self,
        found: Found,
        known: Known | None,
        present: Present,
        done: Synced,
        by: str,
    ) -> None:
        """Write one job once. Raises: StaleVersion, Conflict, UnknownJob when others were first."""
        if known is None or known[1] is None:
            self._create(found, present, by)
            done.created.append(found.key)
        elif self._change(found, (known[0], known[1]), present, by):
            done.changed.append(found.key)

    def _known(self, found: Found) -> Known | None:
        uuid = job_id(found.type, found.name)
        row = self._store.webjobs.get(uuid)
        return None if row is None else (row, self._store.jobs.get(uuid))

    def _create(self, found: Found, present: Present, by: str) -> None:
        former = self._store.jobs.get(job_id(found.type, found.name), deleted=True)
        latest = None if former is None else self._latest(former)
        new, facts, ledger = planning.new_job(
            wanted(found, present), present, latest, clock.now_us()
        )
        job = self._store.webjobs.add(new, facts, ledger)
        self._announce.job("added", job.id, by, name=job.name, task=job.task)
        self._wake(job)

    def _change(self, found: Found, known: tuple[WebJob, Job], present: Present, by: str) -> bool:
        row, job = known
        asked = wanted(found, present)
        change = planning.change(job, row, asked, present, lambda: self._latest(job))
        at = (job.id, job.version)
        if change.columns:
            self._store.webjobs.change(at, change.facts, change.columns, change.ledger)
            told = ",".join(sorted(change.columns))
            self._announce.job("changed", job.id, by, fields=told)
            self._wake(job)
            return True
        if not _says(row, change.facts):
            return False
        if not self._store.webjobs.note(at, change.facts):
            raise StaleVersion(f"Job {job.id} has been changed since.")
        self._announce.job("changed", job.id, by, fields="files")
        return True

    def _remove(self, gone: list[Name], done: Synced, by: str, *, surely: bool) -> None:
        if not gone:
            return
        if not surely:
            _rest(_SECOND_LOOK)
            back = self._look(gone)
            gone = [key for key in gone if key not in back]
        for kind, name in gone:
            if self._delete(kind, name, by):
                done.deleted.append((kind, name))

    def _delete(self, kind: WebJobType, name: str, by: str) -> bool:
        """Take a job off the list and stop its runs; its history stays."""
        job = self._store.jobs.get(job_id(kind, name))
        if job is None or not self._store.webjobs.delete((job.id, job.version)):
            return False
        for run in self._store.runs.of_job(
            job.key, RunState.QUEUED, RunState.STARTING, RunState.RUNNING
        ):
            self._queue.stop_if_alive(run.id, EndedBy.STOP, "the web job was deleted")
        self._announce.job("deleted", job.id, by)
        self._wake(job)
        return True

    def kill(self, run_id: int) -> None:
        """End a run of a deleted job that has not obeyed."""
        reason = "the web job was deleted, and this run did not end by itself"
        with suppress(UnknownRun):
            self._queue.stop_if_alive(run_id, EndedBy.KILL, reason)

    def _latest(self, job: Job) -> Run | None:
        return self._store.runs.last_of_jobs([job.key]).get(job.key)

    def _wake(self, job: Job) -> None:
        if job.mode is Mode.CONTINUOUS:
            self._announce.supervisor()


def _says(row: WebJob, facts: Facts) -> bool:
    """Return whether *facts* say something else than *row* does."""
    return any(getattr(row, name) != getattr(facts, name) for name in _COMPARED)
