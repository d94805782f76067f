"""Where things of web jobs lie below the data folder, as Kudu has them (webjobs.md, section 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobsched.model import WebJobType

APP_DATA = "App_Data"
SCHEDULER_LOG = "job_scheduler.log"
SCHEDULER_LOGS = (SCHEDULER_LOG, "job_scheduler_prev.log")


@dataclass(frozen=True, slots=True)
class Site:
    """The folders of one site; *root* holds ``site``, ``data`` and ``LogFiles``.

    *jobs_path* (WEBJOBS_ROOT_PATH) replaces the first root of web jobs; a relative one starts at
    ``site/wwwroot``.
    """

    root: Path
    jobs_path: str = ""

    @property
    def wwwroot(self) -> Path:
        """The folder of the web site itself."""
        return self.root / "site" / "wwwroot"

    @property
    def logs(self) -> Path:
        """The folder of the site's log files."""
        return self.root / "LogFiles"

    @property
    def application_log(self) -> Path:
        """The file that may collect what the runs of all triggered jobs write."""
        return self.logs / "Application" / "webjobs.txt"

    @property
    def jobs_root(self) -> Path:
        """The first root of web jobs; an ``app_data`` of any case is taken as it is (W3)."""
        if self.jobs_path:
            return self.wwwroot / Path(self.jobs_path).expanduser()
        return _as_on_disk(_as_on_disk(self.wwwroot, APP_DATA), "jobs")

    def roots(self, kind: WebJobType) -> tuple[Path, Path]:
        """Return the folders that hold the jobs of *kind*: the first wins for equal names."""
        return _as_on_disk(self.jobs_root, kind), self.root / "site" / "jobs" / kind

    def searched(self, kind: WebJobType) -> list[Path]:
        """Return every folder in which jobs of *kind* are looked for, the first wins.

        These are the roots, and between them ``App_Data`` of every other case: a file system that
        tells them apart may hold both the seed's spelling and today's.
        """
        first, second = self.roots(kind)
        if self.jobs_path:
            return [first, second]
        others = [
            _as_on_disk(_as_on_disk(path, "jobs"), kind)
            for path in entries(self.wwwroot)
            if path.name.lower() == APP_DATA.lower()
        ]
        return list(dict.fromkeys([first, *others, second]))

    def folder(self, kind: WebJobType, name: str) -> Path:
        """Return where a new job of this name is put."""
        return self.roots(kind)[0] / name

    def data(self, kind: WebJobType, name: str) -> Path:
        """Return the folder in which a job's logs lie, and which it may write to."""
        return self.root / "data" / "jobs" / kind / name

    def scheduler_log(self, name: str) -> Path:
        """Return the file that tells what became of the schedule of a triggered job."""
        return self.data(WebJobType.TRIGGERED, name) / SCHEDULER_LOG

    def copies(self, kind: WebJobType, name: str) -> Path:
        """Return the folder for the temporary copies from which a job runs."""
        return self.root / "tmp" / "jobs" / kind / name

    def staging(self) -> Path:
        """Return the folder in which uploads are unpacked before they replace anything."""
        return self.root / "tmp" / "staging"

    def previous(self, kind: WebJobType, name: str) -> Path:
        """Return where the version before the present one is kept, for a rollback."""
        return self.root / "tmp" / "previous" / kind / name

    def shutdown(self, kind: WebJobType, name: str) -> Path:
        """Return the folder for the files by which runs of a job are asked to end."""
        return self.root / "tmp" / "JobsShutdown" / kind / name

    def kinds(self) -> Iterator[tuple[WebJobType, Path]]:
        """Yield every folder that may hold jobs, for each kind those of the first root first."""
        for kind in WebJobType:
            for root in self.searched(kind):
                yield kind, root


def entries(folder: Path) -> Sequence[Path]:
    """Return what *folder* holds, by name; nothing when it cannot be read or is none."""
    try:
        return sorted(folder.iterdir(), key=str)
    except OSError:
        return []


def is_file(path: Path) -> bool:
    """Return whether *path* is a file that can be looked at."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether *path* is a folder that can be looked at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _as_on_disk(folder: Path, name: str) -> Path:
    """Return the entry of *folder* that is called *name* in whatever case, else *name* itself."""
    exact, wanted = folder / name, name.lower()
    if is_folder(exact):
        return exact
    return next((path for path in entries(folder) if path.name.lower() == wanted), exact)


__all__ = [
    "APP_DATA", "SCHEDULER_LOG", "SCHEDULER_LOGS", "Site", "WebJobType", "entries", "is_file",
    "is_folder",
]  # fmt: skip
