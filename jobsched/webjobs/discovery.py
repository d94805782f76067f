"""Which web jobs lie on disk: every folder of both roots, those without a script as well.

Kudu: JobsManagerBase.ListJobs; W1 to W4, W8. Names are taken as they are on disk; equal but for
their case they are one job, and the folder of the first root is it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsched.model import WebJobType
from jobsched.webjobs import fingerprint, settings_file
from jobsched.webjobs.choice import Scripts, inner_folder
from jobsched.webjobs.places import Site, is_folder
from jobsched.webjobs.settings_file import SettingsFile

Name = tuple[WebJobType, str]  # the second in lower case
NO_SCRIPT = "There is no script that could run: no run.* and no file of a known type."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One folder of a job. *script* is the path from *folder* on, with ``/``.

    *publish* is what webjob-publish-settings.json says; *disabled* and *singleton* tell of the
    files of these names. *error* is what is wrong with the folder or its files.
    """

    type: WebJobType
    name: str
    folder: Path
    script: str | None
    settings: SettingsFile
    publish: SettingsFile
    in_place: bool
    disabled: bool
    singleton: bool
    fingerprint: str

    @property
    def key(self) -> Name:
        """What makes it one job."""
        return self.type, self.name.lower()

    @property
    def error(self) -> str | None:
        """What is wrong with the folder or its files, None if nothing is."""
        wrong = (None if self.script else NO_SCRIPT, self.settings.error, self.publish.error)
        return " ".join(text for text in wrong if text) or None


def discover(site: Site, scripts: Scripts) -> dict[Name, Found]:
    """Return every job of *site*, triggered ones first, each by name. Raises: OSError."""
    return {found.key: found for kind in WebJobType for found in _of_kind(site, scripts, kind)}


def find(site: Site, scripts: Scripts, kind: WebJobType, name: str) -> Found | None:
    """Return one job, whatever the case of *name*; None without a folder. Raises: OSError."""
    folder = next((path for path in folders(site, kind, name)), None)
    return None if folder is None else inspect(kind, folder, scripts)


def folders(site: Site, kind: WebJobType, name: str) -> list[Path]:
    """Return all folders of a job, the one that counts first."""
    wanted = name.lower()
    return [path for path in _folders(site, kind) if path.name.lower() == wanted]


def inspect(kind: WebJobType, folder: Path, scripts: Scripts) -> Found:
    """Return what the *folder* of a job of this *kind* holds."""
    script = scripts.choose(folder, folder.name)
    places = homes(folder, script)
    settings = settings_file.read(*places)
    in_place = runs_in_place(settings.values, script)
    return Found(
        type=kind,
        name=folder.name,
        folder=folder,
        script=None if script is None else script.relative_to(folder).as_posix(),
        settings=settings,
        publish=settings_file.read_publish(*places),
        in_place=in_place,
        disabled=settings_file.flag(settings_file.DISABLE_FILE, *places),
        singleton=settings_file.flag(settings_file.SINGLETON_FILE, *places),
        fingerprint=fingerprint.of_file(script)
        if in_place and script is not None
        else fingerprint.of_folder(folder),
    )


def homes(folder: Path, script: Path | None = None) -> tuple[Path, ...]:
    """Return where the files that tell about a job may lie: beside its script, then *folder*."""
    inner = inner_folder(folder) if script is None else script.parent
    return (folder,) if inner == folder else (inner, folder)


def runs_in_place(settings: Mapping[str, Any], script: Path | None) -> bool:
    """Return whether the job runs in its own folder: as it says, else only .js does (Kudu)."""
    said = settings.get("is_in_place")
    if isinstance(said, bool):
        return said
    return script is not None and script.suffix.lower() == ".js"


def _of_kind(site: Site, scripts: Scripts, kind: WebJobType) -> Iterator[Found]:
    first: dict[str, Path] = {}
    for folder in _folders(site, kind):
        first.setdefault(folder.name.lower(), folder)
    for _, folder in sorted(first.items()):
        yield inspect(kind, folder, scripts)


def _folders(site: Site, kind: WebJobType) -> Iterator[Path]:
    for root in site.searched(kind):
        for path in _listed(root):
            if _is_job(path):
                yield path


def _listed(root: Path) -> list[Path]:
    """Return what a root holds. Raises: OSError when it is there but cannot be read."""
    try:
        return sorted(root.iterdir(), key=str)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_job(path: Path) -> bool:
    """Return whether *path* is a folder whose name can be told; hidden ones are nobody's job."""
    return not path.name.startswith(".") and path.name.isprintable() and is_folder(path)
