"""Where things of web jobs lie below the data folder, as Kudu has them (webjobs.md, section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

APP_DATA = "App_Data"


class WebJobType(StrEnum):
    """The two kinds of web jobs; also the names of their folders."""

    TRIGGERED = "triggered"
    CONTINUOUS = "continuous"


@dataclass(frozen=True, slots=True)
class Site:
    """The folders of one site; *root* holds ``site``, ``data`` and ``LogFiles``."""

    root: Path

    @property
    def wwwroot(self) -> Path:
        """The folder of the web site itself."""
        return self.root / "site" / "wwwroot"

    @property
    def jobs_root(self) -> Path:
        """The first root of web jobs; an ``app_data`` of any case is taken as it is (W3)."""
        return _as_on_disk(self.wwwroot, APP_DATA) / "jobs"

    def roots(self, kind: WebJobType) -> tuple[Path, Path]:
        """Return the folders that hold the jobs of *kind*: the first wins for equal names."""
        return self.jobs_root / kind, self.root / "site" / "jobs" / kind

    def folder(self, kind: WebJobType, name: str) -> Path:
        """Return where a new job of this name is put."""
        return self.roots(kind)[0] / name

    def data(self, kind: WebJobType, name: str) -> Path:
        """Return the folder in which a job's logs lie, and which it may write to."""
        return self.root / "data" / "jobs" / kind / name

    def copies(self, kind: WebJobType, name: str) -> Path:
        """Return the folder for the temporary copies from which a job runs."""
        return self.root / "tmp" / "jobs" / kind / name

    def staging(self) -> Path:
        """Return the folder in which uploads are unpacked before they replace anything."""
        return self.root / "tmp" / "staging"

    def previous(self, kind: WebJobType, name: str) -> Path:
        """Return where the version before the present one is kept, for a rollback."""
        return self.root / "tmp" / "previous" / kind / name

    def kinds(self) -> Iterator[tuple[WebJobType, Path]]:
        """Yield every folder that may hold jobs, those of the first root first."""
        for kind in WebJobType:
            for root in self.roots(kind):
                yield kind, root


def _as_on_disk(folder: Path, name: str) -> Path:
    """Return the entry of *folder* that is called *name* in whatever case, else *name* itself."""
    exact = folder / name
    if exact.exists() or not folder.is_dir():
        return exact
    wanted = name.lower()
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == wanted), exact)
