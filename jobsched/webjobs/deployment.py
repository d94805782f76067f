"""How a web job gets new files: whole or not at all, with the version before kept for a rollback.

An upload is staged, unpacked and looked at beside the site; only then it takes the job's place in
one step. Whatever fails before, and a server killed at any moment, leaves the old version as it
was. Kudu: JobsController.CreateJob, ZipController; W28 to W32, W37.
"""

import errno
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from jobsched.errors import Conflict, InvalidInput, UnknownWebJob
from jobsched.webjobs import archive, discovery, merging, swapping
from jobsched.webjobs.archive import LIMITS, Limits
from jobsched.webjobs.choice import Scripts
from jobsched.webjobs.places import Site, WebJobType
from jobsched.webjobs.staging import FOLDER_MODE, Entry, Staging, locked

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_NO_SCRIPT = (
    "There is no script in it that could run: a file run.* or one with a known suffix is needed."
)
Prepare = Callable[[Path, Entry], None]  # what is there now, and what has come
_APART = ".jobsched"  # beside the jobs, where they lie on another file system than the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One job's place: its *kind*, its *name* as on disk, its *folder*, present or not."""

    kind: WebJobType
    name: str
    folder: Path

    @property
    def exists(self) -> bool:
        """Whether there is such a job now."""
        return self.folder.is_dir()


class Deployments:
    """Deploys the web jobs of *site*; *scripts* says what makes a folder a job."""

    def __init__(self, site: Site, scripts: Scripts, limits: Limits = LIMITS) -> None:
        self._site, self._scripts, self._limits = site, scripts, limits

    def place(self, kind: WebJobType, name: str) -> Place:
        """Return where the job *name* is, whatever the case of its name, or where it would be.

        Raises: InvalidInput for a new name that is not allowed (P2).
        """
        if found := discovery.folders(self._site, kind, name):
            return Place(kind=kind, name=found[0].name, folder=found[0])
        if not NAME.fullmatch(name):
            message = "A name is a letter or digit, then letters, digits, - and _: at most 64."
            raise InvalidInput.field("name", "characters", message)
        return Place(kind=kind, name=name, folder=self._site.folder(kind, name))

    def place_at(self, kind: WebJobType, folder: Path) -> Place:
        """Return the place of the job whose folder is or would be just this *folder*.

        Raises: InvalidInput for a new name that is not allowed (P2).
        """
        if folder.is_dir():
            return Place(kind=kind, name=folder.name, folder=folder)
        return replace(self.place(kind, folder.name), folder=folder)

    @contextmanager
    def upload(self, place: Place) -> Iterator[Entry]:
        """Give an entry for an upload to *place*; it and what is left in it go afterwards."""
        try:
            with Staging(self._base(place.folder) / "staging").entry() as entry:
                yield entry
        except OSError as error:
            if error.errno == errno.EXDEV:  # something has been mounted since it was tried
                _same_file_system.cache_clear()
            raise

    def replace_by_archive(self, place: Place, entry: Entry) -> None:
        """Put the zip file that *entry* has received in the job's place.

        Raises: InvalidInput when the archive is refused or holds no script; OSError.
        """
        self._unpack(entry, entry.new)
        self._put(place, entry, merging.replace)

    def replace_by_file(self, place: Place, entry: Entry, name: str) -> None:
        """Put one file, called *name*, in the job's place; refused as above."""
        merging.take_file(entry, entry.new, name)
        self._put(place, entry, merging.replace)

    def merge_archive(self, place: Place, entry: Entry) -> None:
        """Lay a zip file over what the job has: adds and overwrites, never clears (W32)."""
        self._unpack(entry, entry.added)
        self._put(place, entry, merging.lay_over)

    def merge_file(self, place: Place, entry: Entry, name: str) -> None:
        """Add one file, called *name*, to what the job has, or overwrite it."""
        merging.take_file(entry, entry.added, name)
        self._put(place, entry, merging.lay_over)

    def merge_folders(self, added: Sequence[tuple[Place, Path]], check: Callable[[], None]) -> None:
        """Lay whole folders over jobs, each of them moved from its path.

        No job changes before all are judged, and *check* has found nothing else; then one after
        the other does, each at once. A job that has no script already may stay so.

        Raises: InvalidInput as above; what *check* raises.
        """
        with ExitStack() as stack:
            # All entries first: whoever cleans up holds the folder of entries and waits for jobs.
            places = sorted(added, key=lambda one: (one[0].kind, one[0].name.lower()))
            entries = [stack.enter_context(self.upload(place)) for place, _ in places]
            ready = []
            for (place, folder), entry in zip(places, entries, strict=True):
                stack.enter_context(self.alone(place))
                settled = self._settled(place)
                shutil.move(folder, entry.added)
                merging.lay_over(settled.folder, entry)
                self._judge(settled, entry)
                ready.append((settled, entry))
            check()
            for settled, entry in ready:
                self._swap(settled, entry)

    def rollback(self, kind: WebJobType, name: str) -> Place:
        """Let the present version of a job and the one before change places; return the place.

        Raises: UnknownWebJob; Conflict when there is no version before; OSError.
        """
        if not discovery.folders(self._site, kind, name):
            raise UnknownWebJob(kind, name)
        place = self.place(kind, name)
        with self.upload(place) as entry, self.alone(place):
            previous = self._previous(place)
            if not previous.is_dir():
                raise Conflict(f"There is no earlier version of {place.name} to go back to.")
            if not swapping.exchange(previous, place.folder):
                self._intend(place, entry, previous)
                place.folder.rename(entry.old)
                previous.rename(place.folder)
                entry.old.rename(previous)
        return place

    def remove(self, place: Place) -> bool:
        """Take the job's folder and its earlier version away; return whether there was one."""
        with self.upload(place) as entry, self.alone(place):
            try:
                place.folder.rename(entry.old)
            except FileNotFoundError:
                return False
            with suppress(FileNotFoundError):
                self._previous(place).rename(entry.new)
        return True

    def alone(self, place: Place) -> AbstractContextManager[None]:
        """Hold the lock of a job's files: who changes them waits for who is doing so."""
        name = f"{place.kind}.{place.name.lower()}"
        return locked(self._site.root / "tmp" / "locks" / name)

    def has_previous(self, place: Place) -> bool:
        """Return whether there is a version to go back to."""
        return self._previous(place).is_dir()

    def prepare(self) -> None:
        """Make the site's own folders, and clean up after a server that was killed."""
        for folder in (self._site.wwwroot, self._site.root / "data" / "jobs", self._site.logs):
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.clean()

    def clean(self) -> None:
        """Finish or undo what a killed server left half done, and throw its leftovers away."""
        for base in self._all_bases():
            for entry in Staging(base / "staging").leftovers():
                self._recover(entry)
            for path in [*(base / "previous").glob("*/*")]:
                self._forget_if_gone(path)

    # -- the swap -----------------------------------------------------------------------------

    def _put(self, place: Place, entry: Entry, prepare: Prepare) -> None:
        with self.alone(place):
            place = self._settled(place)
            prepare(place.folder, entry)
            if self._scripts.choose(entry.new, place.name) is None:
                raise InvalidInput.field("zip", "script", _NO_SCRIPT)
            self._swap(place, entry)

    def _judge(self, place: Place, entry: Entry) -> None:
        if not place.exists and self._scripts.choose(entry.new, place.name) is None:
            raise InvalidInput.field("zip", "script", f"{place.name}: {_NO_SCRIPT}")

    def _settled(self, place: Place) -> Place:
        """Return *place* as it is now: somebody may just have made it by a name of another case."""
        found = [] if place.exists else discovery.folders(self._site, place.kind, place.name)
        return replace(place, name=found[0].name, folder=found[0]) if found else place

    def _swap(self, place: Place, entry: Entry) -> None:
        """Put ``new`` in place and keep what was there; each step can be the last (_recover)."""
        swapping.sync(entry.new)
        self._intend(place, entry, entry.new)
        for folder in (place.folder, self._previous(place)):
            folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if not place.exists:
            entry.new.rename(place.folder)
            shutil.rmtree(self._previous(place), ignore_errors=True)
        elif swapping.exchange(entry.new, place.folder):
            self._keep(place, entry.new, entry)
        else:
            place.folder.rename(entry.old)
            entry.new.rename(place.folder)
            self._keep(place, entry.old, entry)
        swapping.sync_one(place.folder.parent)

    def _intend(self, place: Place, entry: Entry, new: Path) -> None:
        facts = {"kind": place.kind.value, "name": place.name, "folder": str(place.folder)}
        entry.intend({**facts, "inode": new.stat().st_ino})

    def _keep(self, place: Place, old: Path, entry: Entry) -> None:
        """Make *old* the version before; the one before that goes with *entry*."""
        previous = self._previous(place)
        with suppress(FileNotFoundError):
            previous.rename(entry.folder / "oldest")
        old.rename(previous)

    def _recover(self, entry: Entry) -> None:
        """Bring the swap of a dead upload to one of its two ends."""
        if (facts := entry.intent()) is None:
            return
        try:
            folder, inode = Path(facts["folder"]), int(facts["inode"])
            place = Place(kind=WebJobType(facts["kind"]), name=facts["name"], folder=folder)
        except (KeyError, TypeError, ValueError):
            return
        with self.alone(place):
            self._finish(place, entry, inode)

    def _finish(self, place: Place, entry: Entry, inode: int) -> None:
        if not place.exists and entry.old.is_dir():
            entry.old.rename(place.folder)
        elif place.exists and place.folder.stat().st_ino == inode:
            old = next((path for path in (entry.old, entry.new) if path.is_dir()), None)
            if old is not None:
                self._keep(place, old, entry)

    # -- places -------------------------------------------------------------------------------

    def _previous(self, place: Place) -> Path:
        return self._base(place.folder) / "previous" / place.kind / place.name

    def _base(self, folder: Path) -> Path:
        """Return the folder for staging and versions on the file system of the job's *folder*."""
        usual, kind_folder = self._site.staging().parent, folder.parent
        return usual if _same_file_system(usual, kind_folder) else kind_folder.parent / _APART

    def _all_bases(self) -> set[Path]:
        apart = {root.parent / _APART for _, root in self._site.kinds()}
        return {self._site.staging().parent, *apart}

    def _forget_if_gone(self, previous: Path) -> None:
        kind = next((each for each in WebJobType if each == previous.parent.name), None)
        if kind is None or not discovery.folders(self._site, kind, previous.name):
            shutil.rmtree(previous, ignore_errors=True)

    def _unpack(self, entry: Entry, folder: Path) -> None:
        merging.make(folder)
        with entry.body.open("rb") as file:
            archive.unpack(file, folder, self._limits)
        entry.body.unlink()


@lru_cache(maxsize=64)
def _same_file_system(folder: Path, other: Path) -> bool:
    """Return whether folders can be moved between the two; tried, as mounts may lie between."""
    while not other.is_dir():
        other = other.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe, moved = folder / f".{uuid.uuid4().hex}", other / f".{uuid.uuid4().hex}"
    probe.mkdir()
    try:
        probe.rename(moved)
    except OSError as error:
        probe.rmdir()
        if error.errno != errno.EXDEV:
            raise
        return False
    moved.rmdir()
    return True
