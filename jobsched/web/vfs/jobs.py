"""What a change of files means for web jobs: which of them are to be looked at again, at once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from jobsched.errors import JobschedError
from jobsched.model import WebJobType
from jobsched.web.context import caller, operations
from jobsched.web.vfs.addresses import Address
from jobsched.webjobs.deployment import Place
from jobsched.webjobs.staging import locked

Name = tuple[WebJobType, str]


def place_of(address: Address) -> Place | None:
    """Return the web job whose folder *address* is or would be, None if it is no job's.

    Raises: InvalidInput for a new name that is not allowed (P2).
    """
    path = address.tree.path(address.parts)
    for kind, root in operations.webjobs.site.kinds():
        if path.parent == root:
            return operations.webjobs.deployments.place_at(kind, path)
    return None


def check_name(address: Address) -> None:
    """Check the name of the job that something new at *address* would be of, or be itself.

    A file beside the folders of jobs is nobody's, and so is a hidden folder. Raises: InvalidInput
    for a new name that is not allowed (P2).
    """
    path = address.tree.path(address.parts)
    for kind, root in operations.webjobs.site.kinds():
        inside = path.relative_to(root).parts if path.is_relative_to(root) else ()
        in_folder = len(inside) > 1 or (address.slash and bool(inside))
        if in_folder and not inside[0].startswith("."):
            operations.webjobs.deployments.place_at(kind, root / inside[0])


@contextmanager
def alone(address: Address) -> Iterator[None]:
    """Hold the lock of the files at *address*: of the job that they belong to, else of all."""
    names = _names(address)
    if names is not None and len(names) == 1:
        kind, name = names[0]
        place = Place(kind=kind, name=name, folder=address.tree.path(address.parts))
        with operations.webjobs.deployments.alone(place):
            yield
        return
    with beside_jobs():
        yield


def beside_jobs() -> AbstractContextManager[None]:
    """Hold the lock of all files that are no job's; who holds it may take those of jobs."""
    return locked(operations.webjobs.site.root / "tmp" / "locks" / "vfs")


def look_again(address: Address, *, surely: bool = False) -> None:
    """Bring the web jobs that *address* concerns in line with their folders.

    With *surely* what is gone is not expected to come back. The change itself is done: what goes
    wrong here is made good by the watcher of the folders.
    """
    names = _names(address)
    if names is None or names:
        with suppress(JobschedError):
            operations.webjobs.sync(names, caller(), surely=surely)


def _names(address: Address) -> list[Name] | None:
    """Return the jobs that a change at *address* concerns; None = perhaps all."""
    path = address.tree.path(address.parts)
    found: list[Name] = []
    for kind, root in operations.webjobs.site.kinds():
        if root.is_relative_to(path):
            return None
        if path.is_relative_to(root):
            found.append((kind, path.relative_to(root).parts[0].lower()))
    return found
