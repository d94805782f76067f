"""What a request addresses: decoded once, split into names, allowed to whom.

The path is taken from the bytes that the server has decoded, so that ``%2520`` is a literal
``%20`` and a trailing slash counts.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from flask import request

from jobsched.errors import InvalidInput, NotAllowed, NotFound
from jobsched.model import Role
from jobsched.web.context import operations
from jobsched.web.gate import demand, principal
from jobsched.web.vfs import logs
from jobsched.webjobs.tree import Tree

_LOGS = (("data", "jobs"), ("LogFiles",))
_LONGEST = 255  # bytes of one name: what file systems take
_DEEPEST = 64


@dataclass(frozen=True)
class Address:
    """A path of the tree: its *parts* as they are on disk, and whether it ends in a slash."""

    tree: Tree
    parts: tuple[str, ...]
    slash: bool

    @property
    def name(self) -> str:
        """The last name."""
        return self.parts[-1] if self.parts else ""

    @cached_property
    def is_log(self) -> bool:
        """Whether it lies where logs are kept."""
        return any(self.parts[: len(place)] == place for place in _LOGS)

    def shows(self, *below: str) -> bool:
        """Return whether whoever asks may read the file that lies *below* it, or is itself it."""
        return is_admin() or logs.is_written_by_us((*self.parts, *below))


def asked() -> Address:
    """Return the address of the present request, if whoever makes it may go there.

    Below admin only places of logs can be read, and there only what is one: a job keeps data of
    its own beside its logs (:meth:`Address.shows`). Raises: NotFound, NotAllowed, InvalidInput.
    """
    tree = Tree(operations.webjobs.site)
    parts, slash = _split()
    address = Address(tree, tree.resolved(parts), slash)
    if not address.is_log:
        demand(Role.ADMIN)
    return address


def is_admin() -> bool:
    """Return whether whoever asks may read every file."""
    return principal().role.allows(Role.ADMIN)


def check_new(address: Address) -> None:
    """Check that the names of something new are fit for files. Raises: InvalidInput."""
    for part in address.parts:
        # An archive with a backslash in a name leaves its folder when Windows unpacks it.
        odd = not part.isprintable() or "\\" in part
        if odd or len(os.fsencode(part)) > _LONGEST:
            message = "A name may have 255 bytes of UTF-8, no control characters and no backslash."
            raise InvalidInput.field("path", "characters", message)


def url(*, slash: bool | None = None) -> str:
    """Return the absolute address asked for, its query kept, with or without a last *slash*."""
    plain = quote(_raw(), safe="/~!$&'()*+,;=:@")
    if slash is not None:
        plain = plain.rstrip("/") + ("/" if slash else "")
    return request.host_url.rstrip("/") + plain + query()


def query() -> str:
    """Return the query with its question mark, empty when there is none."""
    text = request.query_string.decode("latin-1")
    return f"?{text}" if text else ""


def _raw() -> bytes:
    environ = request.environ
    return f"{environ.get('SCRIPT_NAME', '')}{environ['PATH_INFO']}".encode("latin-1")


def _split() -> tuple[list[str], bool]:
    """Return the names after the route's prefix, and whether a slash ends them."""
    prefix = len("/api/vfs") if request.path.startswith("/api/") else len("/vfs")
    path: bytes = request.environ["PATH_INFO"].encode("latin-1")[prefix:]
    slash = path.endswith(b"/")
    inner = path.removeprefix(b"/").removesuffix(b"/")
    parts = [os.fsdecode(part) for part in inner.split(b"/")] if inner else []
    if b"\0" in path or any(part in {"", "."} for part in parts) or len(parts) > _DEEPEST:
        raise NotFound("There is nothing at this address.")
    if ".." in parts:
        raise NotAllowed("A path may not lead upwards.")
    return parts, slash
