"""The verbs on web jobs: list, get, settings, stop, start, singleton, delete."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsched import clock
from jobsched.errors import Conflict, InvalidInput, UnknownWebJob
from jobsched.model import Job, JobState, Run, WebJob, WebJobType
from jobsched.operations.jobs import Jobs
from jobsched.operations.pausing import Pauses
from jobsched.operations.webjobs import wanting
from jobsched.operations.webjobs.identity import job_id
from jobsched.operations.webjobs.removing import Remover
from jobsched.operations.webjobs.syncing import Synced, Syncer
from jobsched.storage import Store
from jobsched.webjobs import discovery, settings_file
from jobsched.webjobs.deployment import Deployments
from jobsched.webjobs.discovery import Name
from jobsched.webjobs.places import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class WebJobView:
    """A web job: its folder, its job, and what that is doing."""

    webjob: WebJob
    job: Job
    last_run: Run | None
    running: int
    queued: int


class WebJobs:
    """All verbs on web jobs."""

    def __init__(
        self, store: Store, syncer: Syncer, remover: Remover, jobs: Jobs, pauses: Pauses
    ) -> None:
        self._store = store
        self._syncer = syncer
        self._remover = remover
        self._jobs = jobs
        self._pauses = pauses

    @property
    def site(self) -> Site:
        """Where things of web jobs lie."""
        return self._syncer.site()

    @property
    def deployments(self) -> Deployments:
        """How web jobs get new files."""
        return Deployments(self._syncer.site(), self._syncer.scripts())

    def sync(
        self, names: Iterable[Name] | None = None, by: str = "files", *, surely: bool = False
    ) -> Synced:
        """Bring the jobs *names* (None = all) in line with their folders.

        A folder that is not there is looked for twice, unless it is *surely* gone.

        Raises: Unavailable when a folder of jobs cannot be read.
        """
        return self._syncer.sync(names, by, surely=surely)

    def tidy(self) -> int:
        """Remove what deleted web jobs have left: data and runs (Kudu: at the start)."""
        return self._remover.tidy()

    def list(self, kind: WebJobType | None = None, *, errors: bool = True) -> Sequence[WebJobView]:
        """Return the web jobs, triggered ones first, by name.

        Without *errors* those are left out that have no script (W4).
        """
        found = [
            webjob
            for webjob in self._store.webjobs.all()
            if kind in {None, webjob.type} and (errors or webjob.script is not None)
        ]
        return self._views(found)

    def get(self, kind: WebJobType, name: str) -> WebJobView:
        """Return one web job, whatever the case of *name*. Raises: UnknownWebJob."""
        found = self._store.webjobs.get(job_id(kind, name))
        views = [] if found is None else self._views([found])
        if not views:
            raise UnknownWebJob(kind, name)
        return views[0]

    def settings(self, kind: WebJobType, name: str) -> Mapping[str, Any]:
        """Return the whole of a job's settings.job. Raises: UnknownWebJob."""
        return self.get(kind, name).webjob.settings

    def put_settings(
        self, kind: WebJobType, name: str, values: Mapping[str, Any], by: str
    ) -> WebJobView:
        """Replace a job's settings.job; unknown keys are kept in it.

        Raises: UnknownWebJob; InvalidInput with every mistake; Conflict when it cannot be written.
        """
        view = self.get(kind, name)
        if (fault := settings_file.fault_of(values)) is not None:
            raise InvalidInput.field("settings", "length", f"settings.job {fault}.")
        wanting.check(kind, values, clock.now_us(), self._syncer.present())
        self._write(view, values)
        return self._synced(kind, name, by)

    def set_singleton(self, name: str, singleton: bool, by: str) -> WebJobView:
        """Let a continuous job run on one machine only, or on all.

        Raises: UnknownWebJob; Conflict when its settings can be neither read nor written.
        """
        view = self.get(WebJobType.CONTINUOUS, name)
        homes = _homes(view.webjob)
        current = settings_file.read(*homes)
        if current.error is not None:
            raise Conflict(f"{current.error} Repair it, or put new settings.")
        self._write(view, {**current.values, "is_singleton": singleton})
        _on_disk(lambda: settings_file.set_flag(settings_file.SINGLETON_FILE, singleton, *homes))
        return self._synced(WebJobType.CONTINUOUS, name, by)

    def stop(self, kind: WebJobType, name: str, by: str) -> WebJobView:
        """Stop a continuous job, or the schedule of a triggered one, until it is started again.

        Nothing changes when it is stopped already. Raises: UnknownWebJob.
        """
        view = self.get(kind, name)
        if view.job.state not in {JobState.PAUSED, JobState.FINISHED}:
            self._pauses.pause(view.job.id, by, reason=None)
        if kind is WebJobType.CONTINUOUS:
            self._export(view, stopped=True)
        return self._synced(kind, name, by)

    def start(self, kind: WebJobType, name: str, by: str) -> WebJobView:
        """Let a stopped job go on. Nothing changes when it is. Raises: UnknownWebJob."""
        view = self.get(kind, name)
        if kind is WebJobType.CONTINUOUS:
            self._export(view, stopped=False)
        if view.job.state is JobState.PAUSED:
            self._pauses.resume(view.job.id, by)
        return self._synced(kind, name, by)

    def delete(self, kind: WebJobType, name: str, by: str) -> None:
        """Remove a job with its folder, its data and its history; what runs is stopped first.

        Raises: UnknownWebJob; Conflict when its folder cannot be removed.
        """
        view = self.get(kind, name)
        self._remover.remove(view.webjob, by)

    def _views(self, found: Sequence[WebJob]) -> Sequence[WebJobView]:
        jobs = self._store.jobs.by_keys(webjob.job_key for webjob in found)
        views = {view.job.key: view for view in self._jobs.views([*jobs.values()])}
        return [
            WebJobView(
                webjob=webjob,
                job=view.job,
                last_run=view.last_run,
                running=view.running,
                queued=view.queued,
            )
            for webjob in found
            if (view := views.get(webjob.job_key)) and view.job.state is not JobState.DELETED
        ]

    def _write(self, view: WebJobView, values: Mapping[str, Any]) -> None:
        _on_disk(lambda: settings_file.write(values, *_homes(view.webjob)))

    def _export(self, view: WebJobView, *, stopped: bool) -> None:
        homes = _homes(view.webjob)
        _on_disk(lambda: settings_file.set_flag(settings_file.DISABLE_FILE, stopped, *homes))

    def _synced(self, kind: WebJobType, name: str, by: str) -> WebJobView:
        self._syncer.sync([(kind, name)], by)
        return self.get(kind, name)


def _homes(webjob: WebJob) -> tuple[Path, ...]:
    folder = Path(webjob.folder)
    return discovery.homes(folder, None if webjob.script is None else folder / webjob.script)


def _on_disk(work: Callable[[], None]) -> None:
    """Do *work* on files. Raises: Conflict when the disk refuses."""
    try:
        work()
    except OSError as error:
        detail = f"The folder of the web job cannot be written: {error.strerror}."
        raise Conflict(detail) from error
