"""Folders of files laid over the tree: what falls into the folder of a job is a deployment of it.

An archive may be sent for a folder above those of jobs, or inside one. Its part of each job obeys
the rules of an archive for that job: the name of a new one is checked, and a new one has a script;
all is judged before anything changes; each job changes in one step and keeps the version before.
All else is laid file by file.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from jobsched.errors import Conflict, InvalidInput
from jobsched.model import WebJobType
from jobsched.webjobs.deployment import Deployments, Place
from jobsched.webjobs.places import Site
from jobsched.webjobs.tree import Parts, Tree, shown

_MOST = 200  # jobs: each takes some descriptors until all are judged

Part = tuple[Place, Path]  # a job, and the folder with what it gets


def lay(tree: Tree, site: Site, deployments: Deployments, parts: Parts, added: Path) -> None:
    """Lay what the folder *added* holds over the folder at *parts*; *added* may be empty after.

    Raises: InvalidInput, NotAllowed, Conflict before anything is changed; OSError.
    """
    jobs = [*_Spread(tree, site, deployments).parts_of(parts, added)]
    names = [(place.kind, place.name.lower()) for place, _ in jobs]
    if len({*names}) < len(names):
        raise InvalidInput.field("zip", "duplicate", "It holds two folders of the same job.")
    if len(names) > _MOST:
        raise InvalidInput.field("zip", "too_many", f"It holds more than {_MOST} jobs at once.")
    deployments.merge_folders(jobs, lambda: tree.check_lay(parts, added))
    tree.lay(parts, added)


class _Spread:
    """Finds the folders of jobs in what is laid over *tree*."""

    def __init__(self, tree: Tree, site: Site, deployments: Deployments) -> None:
        self._tree, self._deployments = tree, deployments
        self._exact = bool(site.jobs_path)
        self._roots = {str(root): kind for kind, root in site.kinds()}
        self._folded = {path.lower(): kind for path, kind in self._roots.items()}

    def parts_of(self, parts: Parts, added: Path) -> Iterator[Part]:
        """Yield each job, and the folder below *added*, or it itself, with what it gets."""
        for end in range(1, len(parts)):
            kind = self._kind_at(parts[:end])
            if kind is not None and not parts[end].startswith("."):
                yield self._place(kind, parts[: end + 1]), _nested(added, parts[end + 1 :])
                return
        for place, folders, _ in os.walk(added):
            here = (*parts, *Path(place).relative_to(added).parts)
            kind = self._kind_at(here)
            if kind is not None:
                for name in [name for name in folders if not name.startswith(".")]:
                    yield self._place(kind, (*here, name)), Path(place, name)
                folders.clear()

    def _kind_at(self, parts: Parts) -> WebJobType | None:
        """Return of which kind the jobs are whose folders lie at *parts*; None: there are none."""
        path = str(self._tree.path(self._tree.resolved(parts)))
        return self._roots.get(path) if self._exact else self._folded.get(path.lower())

    def _place(self, kind: WebJobType, parts: Parts) -> Place:
        """Return the job whose folder is at *parts*. Raises: InvalidInput, NotAllowed, Conflict."""
        parts = self._tree.resolved(parts)
        node = self._tree.look(parts)
        if node is not None and not node.is_folder:
            raise Conflict(f"{shown(parts[-1])} is there already and is something else.")
        return self._deployments.place_at(kind, self._tree.path(parts))


def _nested(added: Path, inside: Parts) -> Path:
    """Return a folder that holds *added* at *inside*."""
    if not inside:
        return added
    whole = added.with_name("whole")
    place = whole.joinpath(*inside)
    place.parent.mkdir(parents=True)
    added.rename(place)
    return whole
