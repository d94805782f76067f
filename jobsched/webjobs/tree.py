"""The site's files as clients see them: one tree, walked name by name without following links.

At its root are ``site``, ``data`` and ``LogFiles`` of the data folder, and what clients put beside
them, which lies in ``home``; nothing else of the data folder can be named. Each step opens the next
folder relative to the one before, so that no link and no change in between leads out.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jobsched.errors import Conflict, NotAllowed, NotFound
from jobsched.webjobs import folding, moving, swapping
from jobsched.webjobs.places import Site
from jobsched.webjobs.staging import FOLDER_MODE

TOPS = ("site", "data", "LogFiles")
HOME = "home"  # what clients keep at the root, as they may on a site of Kudu
_FILE_MODE = 0o644
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Parts = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One file, folder or other thing; *size* in bytes, times in nanoseconds since 1970."""

    name: str
    is_folder: bool
    is_file: bool
    size: int
    mtime_ns: int
    ctime_ns: int


class Tree:
    """The tree of one *site*. Paths are given as their parts; none of them may be empty."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def resolved(self, parts: Parts) -> tuple[str, ...]:
        """Return *parts* with the names that are on the disk, where their case does not count."""
        names: list[str] = []
        for end, part in enumerate(parts, 1):
            folder = self.path(names) if names else self._base(part)
            names.append(folding.on_disk(folder, part) if folding.folds(parts[:end]) else part)
        return tuple(names)

    def path(self, parts: Parts) -> Path:
        """Return where *parts* lie on the disk."""
        return self._base(parts[0]).joinpath(*parts) if parts else self._site.root

    def look(self, parts: Parts) -> Node | None:
        """Return what is at *parts*, None when nothing is. Raises: NotAllowed for links before."""
        if not parts:
            return _node("", self._site.root.stat())
        with suppress(NotFound), self.holder(parts) as folder, suppress(FileNotFoundError):
            return _node(parts[-1], os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))
        return None

    def children(self, parts: Parts) -> list[Node]:
        """Return what the folder at *parts* holds, by name. Raises: NotFound."""
        if parts:
            with self.opened(parts) as folder:
                return _inside(folder)
        tops = [node for top in TOPS if (node := self.look([top])) is not None]
        with suppress(NotFound), self._from(self._site.root / HOME) as home:
            tops += _inside(home)
        return tops

    @contextmanager
    def opened(self, parts: Parts, *, make: bool = False) -> Iterator[int]:
        """Give a descriptor of the folder at *parts*; with *make* what is missing is made.

        Raises: NotFound; NotAllowed for links; Conflict when a file is in the way of *make*.
        """
        with self._walked(self._base(parts[0]), parts, make=make) as descriptor:
            yield descriptor

    @contextmanager
    def holder(self, parts: Parts, *, make: bool = False) -> Iterator[int]:
        """Give a descriptor of the folder in which the last of *parts* is; otherwise as above."""
        with self._walked(self._base(parts[0]), parts[:-1], make=make) as descriptor:
            yield descriptor

    def read(self, parts: Parts) -> tuple[BinaryIO, Node]:
        """Open the file at *parts*. Raises: NotFound; NotAllowed when it is no plain file."""
        with self.holder(parts) as folder:
            try:
                descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
            except FileNotFoundError:
                raise _missing(parts) from None
            except OSError as error:
                if error.errno not in {errno.ELOOP, errno.ENXIO}:
                    raise
                raise NotAllowed(_NO_FILE.format(parts[-1])) from None
        file = os.fdopen(descriptor, "rb")
        node = _node(parts[-1], os.fstat(descriptor))
        if not node.is_file:
            file.close()
            raise NotAllowed(_NO_FILE.format(parts[-1]))
        return file, node

    def put(self, parts: Parts, source: Path) -> Node:
        """Move the file *source* to *parts*, in one step; return what is there now.

        The time of a file always moves on when it is replaced, so that its tag changes.

        Raises: NotAllowed, Conflict when something else than a file is there.
        """
        with self.holder(parts, make=True) as folder:
            mode, before = _FILE_MODE, None
            with suppress(FileNotFoundError):
                facts = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISREG(facts.st_mode):
                    raise Conflict(f"{parts[-1]} is there already and is no plain file.")
                mode, before = stat.S_IMODE(facts.st_mode), facts.st_mtime_ns
            source.chmod(mode)
            moment = moving.later_than(before)
            os.utime(source, ns=(moment, moment))
            moving.move_in(source, folder, parts[-1])
            os.fsync(folder)
            return _node(parts[-1], os.stat(parts[-1], dir_fd=folder, follow_symlinks=False))

    def check_lay(self, parts: Parts, source: Path) -> None:
        """Check that :meth:`lay` has nothing in its way. Raises: NotAllowed, Conflict."""
        for place, folders, names in os.walk(source):
            self._check_kinds(self._below(parts, source, place), folders, names)

    def lay(self, parts: Parts, source: Path) -> None:
        """Move all that the folder *source* holds into the folder at *parts*, over what is there.

        Times and modes are those of *source*; only what another version of a file bears is moved
        on. All of it is on the disk afterwards. Raises: NotAllowed, Conflict before anything is
        changed, when kinds do not agree.
        """
        self.check_lay(parts, source)
        swapping.sync(source)
        touched = [self._below(parts, source, place) for place, _, _ in os.walk(source)]
        for inside, (place, _, names) in zip(touched, [*os.walk(source)], strict=True):
            with self._made(inside) as folder:
                for name in names:
                    moving.lay_file(Path(place, name), folder)
        home = self._site.root / HOME
        swapping.sync_folders([self.path(inside) if inside else home for inside in touched])

    def make_folder(self, parts: Parts) -> None:
        """Make the folder at *parts* and those before it. Raises: NotAllowed, Conflict."""
        with self.opened(parts, make=True):
            pass

    def delete_file(self, parts: Parts) -> None:
        """Delete what is at *parts* and is no folder. Raises: NotFound."""
        with self.holder(parts) as folder:
            try:
                os.unlink(parts[-1], dir_fd=folder)
            except FileNotFoundError:
                raise _missing(parts) from None

    def delete_folder(self, parts: Parts, trash: Path | None) -> None:
        """Delete the folder at *parts*: an empty one, or any by moving it to *trash*.

        Raises: NotFound; Conflict for one that is not empty, and for the tops of the tree.
        """
        if not parts or (len(parts) == 1 and parts[0] in TOPS):
            raise Conflict("This folder belongs to the server and cannot be deleted.")
        with self.holder(parts) as folder:
            try:
                if trash is None:
                    os.rmdir(parts[-1], dir_fd=folder)
                else:
                    moving.throw_away(folder, parts[-1], trash)
            except FileNotFoundError:
                raise _missing(parts) from None
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                message = "The folder is not empty; ?recursive=true deletes it with all in it."
                raise Conflict(message) from None

    @contextmanager
    def contents(self, parts: Parts) -> Iterator[list[tuple[str, int]]]:
        """Give all that is at *parts*: how names begin there, and a descriptor of each folder."""
        with ExitStack() as stack:
            if parts:
                yield [("", stack.enter_context(self.opened(parts)))]
                return
            found = [
                (top, stack.enter_context(self.opened([top]))) for top in TOPS if self.look([top])
            ]
            with suppress(NotFound):
                found.append(("", stack.enter_context(self._from(self._site.root / HOME))))
            yield found

    def _below(self, parts: Parts, source: Path, place: str) -> tuple[str, ...]:
        """Return the parts at which *place*, a folder in *source*, is laid over *parts*."""
        return self.resolved((*parts, *Path(place).relative_to(source).parts))

    def _made(self, parts: Parts) -> AbstractContextManager[int]:
        """Give the folder at *parts*, made if need be; files at the root are the clients' own."""
        home = self._site.root / HOME
        return self.opened(parts, make=True) if parts else self._walked(home, (), make=True)

    def _check_kinds(self, parts: Parts, folders: Sequence[str], names: Sequence[str]) -> None:
        if not parts:
            for name in (*folders, *names):
                self._check_kind(self.look((name,)), is_folder=name in folders)
            return
        with suppress(NotFound), self.opened(parts) as folder:
            for name in (*folders, *names):
                with suppress(FileNotFoundError):
                    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    self._check_kind(_node(name, facts), is_folder=name in folders)

    @staticmethod
    def _check_kind(node: Node | None, *, is_folder: bool) -> None:
        if node is not None and not (node.is_folder if is_folder else node.is_file):
            raise Conflict(f"{shown(node.name)} is there already and is something else.")

    def _base(self, top: str) -> Path:
        """Return the folder in which the first name of a path lies."""
        ours = any(top.lower() == known.lower() for known in TOPS)
        return self._site.root if ours else self._site.root / HOME

    @contextmanager
    def _walked(self, base: Path, parts: Parts, *, make: bool) -> Iterator[int]:
        if make:
            base.mkdir(mode=0o700, exist_ok=True)
        with self._from(base) as first:
            descriptor = os.dup(first)
            try:
                for end in range(1, len(parts) + 1):
                    following = _step(descriptor, parts[:end], make=make)
                    os.close(descriptor)
                    descriptor = following
                yield descriptor
            finally:
                os.close(descriptor)

    @contextmanager
    def _from(self, base: Path) -> Iterator[int]:
        try:
            descriptor = os.open(base, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(()) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)


_NO_FILE = "{} is no plain file."


def _step(descriptor: int, parts: Parts, *, make: bool) -> int:
    """Return a descriptor of the last of *parts*, which is in *descriptor*."""
    name = parts[-1]
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=descriptor)
    try:
        return os.open(name, _FOLDER, dir_fd=descriptor)
    except FileNotFoundError:
        raise _missing(parts) from None
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
    try:
        facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        raise _missing(parts) from None
    if stat.S_ISLNK(facts.st_mode) or stat.S_ISDIR(facts.st_mode):
        # A folder by now: it was a link a moment ago.
        raise NotAllowed(f"{name} is a link; links are not followed.")
    raise Conflict(f"{name} is a file, not a folder.") if make else _missing(parts)


def _missing(parts: Parts) -> NotFound:
    return NotFound(f"There is no {shown('/'.join(parts)) or 'such folder'}.")


def shown(name: str) -> str:
    """Return *name* as text that can be sent, whatever bytes it has on the disk."""
    return os.fsencode(name).decode("utf-8", "replace")


def _node(name: str, facts: os.stat_result) -> Node:
    return Node(
        name=name,
        is_folder=stat.S_ISDIR(facts.st_mode),
        is_file=stat.S_ISREG(facts.st_mode),
        size=0 if stat.S_ISDIR(facts.st_mode) else facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
    )


def _inside(folder: int) -> list[Node]:
    found = []
    for name in sorted(os.listdir(folder)):
        with suppress(FileNotFoundError):
            found.append(_node(name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
    return found
