"""Removing a web job for good: what runs of it, its folder, its data, its history.

Kudu removes the data of a job that lost its folder at its next start; so does ``tidy``.
"""

import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from jobsched import clock
from jobsched.catalog import WEB_JOB
from jobsched.errors import Conflict
from jobsched.model import ON_A_MACHINE, WebJob, WebJobType
from jobsched.operations.configuration import Configuration
from jobsched.operations.retention import Retention
from jobsched.operations.webjobs.syncing import Syncer
from jobsched.storage import Store
from jobsched.webjobs import discovery
from jobsched.webjobs.deployment import Deployments, Place
from jobsched.webjobs.places import Site, entries, is_folder

_MARGIN = 10.0  # seconds beyond its grace that a run may take to end
_LONGEST_GRACE = 60.0  # seconds; whoever deletes a job waits for the answer
_LOOK_EVERY = 0.05


class Remover:
    """Removes web jobs."""

    def __init__(self, store: Store, configuration: Configuration, syncer: Syncer) -> None:
        self._store = store
        self._configuration = configuration
        self._syncer = syncer

    def remove(self, webjob: WebJob, by: str) -> None:
        """Remove a job with everything of it. Raises: Conflict when its folder stays.

        One that is uploaded by the same name meanwhile is another job: it is left alone.
        """
        site, kind, name = self._syncer.site(), webjob.type, webjob.name
        job = self._store.jobs.get(webjob.job_id)
        deployments = Deployments(site, self._syncer.scripts())
        place = Place(kind=kind, name=name, folder=Path(webjob.folder))
        with ExitStack() as afterwards:
            with deployments.alone(place):
                for folder in self._taken(site, kind, name, by):
                    afterwards.callback(_remove, folder)
                living = [run.id for run in self._store.runs.of_job(webjob.job_key, *ON_A_MACHINE)]
                if not living:
                    self._forget(site, kind, name, webjob.job_key)
            if living:
                grace = 0.0 if job is None else job.policy.grace or 0.0
                self._end(living, min(grace, _LONGEST_GRACE))
                with deployments.alone(place):
                    self._forget_after(site, webjob, living)

    def _taken(self, site: Site, kind: WebJobType, name: str, by: str) -> Sequence[Path]:
        """Take the folders of a job from their places and note that it is gone, or neither.

        Return where the folders are to be removed.
        """
        taken: dict[Path, Path] = {}
        try:
            for folder in discovery.folders(site, kind, name):
                taken[folder] = _set_aside(site, folder)
            self._syncer.sync([(kind, name)], by, surely=True)
        except BaseException:
            for folder, aside in taken.items():
                with suppress(OSError):  # what somebody has put there meanwhile stays
                    aside.rename(folder)
            raise
        return [*taken.values()]

    def tidy(self) -> int:
        """Remove the data and the runs of deleted web jobs; return of how many."""
        site = self._syncer.site()
        kept = {(row.type, row.name.lower()) for row in self._store.webjobs.all()}
        count = 0
        for kind in WebJobType:
            if not any(is_folder(root) for root in site.searched(kind)):
                continue  # the disk with the jobs may just not be there yet
            for folder in entries(site.data(kind, "")):
                if (kind, folder.name.lower()) not in kept:
                    _remove_places(site, kind, folder.name)
                    count += 1
        for key in self._store.webjobs.deleted(WEB_JOB):
            self._retention().forget(key)
        return count

    def _forget(self, site: Site, kind: WebJobType, name: str, key: int) -> None:
        _remove_places(site, kind, name)
        self._retention().forget(key)

    def _forget_after(self, site: Site, webjob: WebJob, ended: list[int]) -> None:
        """Remove what is left of a job, but nothing of one that has taken its place."""
        if discovery.folders(site, webjob.type, webjob.name):
            self._retention().forget_runs([run for run in ended if run not in self._living(ended)])
        else:
            self._forget(site, webjob.type, webjob.name, webjob.job_key)

    def _retention(self) -> Retention:
        return Retention(self._configuration.settings, self._store)

    def _end(self, runs: list[int], grace: float) -> None:
        """Wait until *runs*, which were told to stop, have ended; kill what is left then."""
        self._wait_for_end(runs, grace + _MARGIN)
        for run_id in self._living(runs):
            self._syncer.kill(run_id)
        self._wait_for_end(runs, _MARGIN)

    def _wait_for_end(self, runs: list[int], seconds: float) -> None:
        """Wait until none of the processes of *runs* lives, but not for ever."""
        end = clock.monotonic() + seconds
        while self._living(runs) and clock.monotonic() < end:
            time.sleep(_LOOK_EVERY)

    def _living(self, runs: list[int]) -> set[int]:
        states = self._store.runs.states(runs)
        return {run for run, (state, _) in states.items() if state in ON_A_MACHINE}


def _set_aside(site: Site, folder: Path) -> Path:
    """Take *folder* from its place at once; return where it is to be removed. Raises: Conflict."""
    try:
        aside = site.staging() / f"deleted-{uuid.uuid4().hex}"
        with suppress(OSError):
            aside.parent.mkdir(parents=True, exist_ok=True)
            return folder.rename(aside)
        # On another disk, say: a hidden folder is nobody's job.
        return folder.rename(folder.with_name(f".{aside.name}"))
    except OSError as error:
        raise _refusal(error) from error


def _remove(folder: Path) -> None:
    """Remove a folder that may be gone already. Raises: Conflict."""
    try:
        folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refusal(error) from error


def _refusal(error: OSError) -> Conflict:
    return Conflict(f"The folder of the web job cannot be removed: {error.strerror}.")


def _remove_places(site: Site, kind: WebJobType, name: str) -> None:
    """Remove what lies elsewhere for a job: its data, its copies, its previous version."""
    for root in (site.data(kind, ""), site.copies(kind, ""), site.previous(kind, "")):
        for folder in entries(root):
            if folder.name.lower() == name.lower():
                with suppress(OSError):
                    # A job may have put a link in place of its folder; whose target is not ours.
                    folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
