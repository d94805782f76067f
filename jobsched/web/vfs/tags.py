"""Entity tags of files, and what a request says about those that it knows.

A tag is the time of the last write as Kudu writes it: the eight bytes, lowest first, of the ticks
of 100 ns since the year 1, in hexadecimal.
"""

from datetime import UTC, datetime, timedelta

from flask import Response, request

from jobsched.errors import RangeNotSatisfiable, StaleVersion
from jobsched.webjobs.moving import TICK
from jobsched.webjobs.tree import Node

_EPOCH_TICKS = 621_355_968_000_000_000  # of 1970 since the year 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tag_of(node: Node) -> str:
    """Return the entity tag of a file, without its quotes."""
    ticks = node.mtime_ns // TICK + _EPOCH_TICKS
    return (ticks % 2**64).to_bytes(8, "little").hex()


def moment_of(nanoseconds: int) -> datetime:
    """Return a time of a file; the last one that can be written for those that lie beyond."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if nanoseconds > 0 else _EPOCH


def dress(response: Response, node: Node) -> Response:
    """Put the tag and the time of *node* into the headers of *response*."""
    response.set_etag(tag_of(node))
    response.last_modified = moment_of(node.mtime_ns)
    return response


def require_match(node: Node) -> None:
    """Check that the request knows the present version of *node*: ``If-Match`` is a must.

    Raises: StaleVersion, with the present tag.
    """
    tag = tag_of(node)
    if not request.if_match.contains(tag) and not _names_any():
        message = "If-Match must name the present version of the file, or be *."
        raise StaleVersion(message, etag=tag)


def _names_any() -> bool:
    """Return whether one of the tags in ``If-Match`` is ``*``, which may stand among others."""
    return any(tag.strip() == "*" for tag in request.headers.get("If-Match", "").split(","))


def is_known(node: Node) -> bool:
    """Return whether the client has the present version (``If-None-Match`` and its like)."""
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(tag_of(node))
    since = request.if_modified_since
    return since is not None and moment_of(node.mtime_ns).replace(microsecond=0) <= since


def wanted_part(node: Node) -> tuple[int, int] | None:
    """Return first and last + 1 of the bytes that ``Range`` asks for, None for the whole file.

    Several ranges count as none, and so does one for another version (``If-Range``).

    Raises: RangeNotSatisfiable.
    """
    header = request.headers.get("Range")
    if header is None or "," in header or not _is_for(node):
        return None
    asked = request.range
    part = None if asked is None else asked.range_for_length(node.size)
    if part is None:
        raise RangeNotSatisfiable(f"The file has {node.size} bytes.", size=node.size)
    return part


def _is_for(node: Node) -> bool:
    condition = request.if_range
    if condition.etag is not None:
        return condition.etag == tag_of(node)
    if condition.date is not None:
        return moment_of(node.mtime_ns).replace(microsecond=0) == condition.date
    return "If-Range" not in request.headers
