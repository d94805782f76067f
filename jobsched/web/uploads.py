"""The body of the present request as a deployment of a web job, streamed to disk block by block."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from werkzeug.exceptions import ClientDisconnected

from jobsched.errors import Conflict, InvalidInput, JobschedError, Unavailable
from jobsched.web.context import operations
from jobsched.webjobs.deployment import Place
from jobsched.webjobs.staging import Readable

ARCHIVES = frozenset({"application/zip", "application/x-zip", "application/x-zip-compressed"})
# Shortages have answers of their own (web/problems.py).
_PASSED_ON = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def replace(place: Place, file: str | None) -> None:
    """Let the body take the place of a web job: one *file* of that name, or None for an archive.

    Raises: InvalidInput; Conflict, Unavailable when the disk refuses; TooLarge.
    """
    deployments = operations.webjobs.deployments
    with disk_errors(), deployments.upload(place) as entry:
        entry.receive(body())
        if file is None:
            deployments.replace_by_archive(place, entry)
        else:
            deployments.replace_by_file(place, entry, file)


def merge(place: Place, file: str | None) -> None:
    """Let the body add to a web job and overwrite what it has; otherwise as :func:`replace`."""
    deployments = operations.webjobs.deployments
    with disk_errors(), deployments.upload(place) as entry:
        entry.receive(body())
        if file is None:
            deployments.merge_archive(place, entry)
        else:
            deployments.merge_file(place, entry, file)


def body() -> Readable:
    """Return the body of the request, to be read block by block.

    Not werkzeug's stream: that takes a body that breaks off for a whole one, and one of exactly
    the limit for one that is too large.
    """
    source: Readable = request.environ["wsgi.input"]
    length = request.content_length
    return source if length is None else _Announced(source, length)


def is_archive() -> bool:
    """Return whether the body is said to be a zip file."""
    return request.mimetype in ARCHIVES


@contextmanager
def disk_errors(read_only: type[JobschedError] = Unavailable) -> Iterator[None]:
    """Tell what the disk refuses: 400 for names, *read_only* where it is, else 409 (Kudu)."""
    try:
        yield
    except OSError as error:
        if error.errno in _PASSED_ON:
            raise
        if error.errno == errno.ENAMETOOLONG:
            message = "A name or the whole path is too long for a file."
            raise InvalidInput.field("path", "length", message) from None
        reason = os.strerror(error.errno) if error.errno else "unknown"
        if error.errno == errno.EROFS:
            raise read_only(f"The disk can only be read: {reason}.") from error
        raise Conflict(f"The file system has refused that: {reason}.") from error


class _Announced:
    """A body of *length* bytes: no more of it is read, and no less is taken."""

    def __init__(self, source: Readable, length: int) -> None:
        self._source, self._left = source, length

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes, none at the end. Raises: ClientDisconnected before it."""
        wanted = min(size, self._left)
        data = self._source.read(wanted) if wanted else b""
        if wanted and not data:
            raise ClientDisconnected
        self._left -= len(data)
        return data
