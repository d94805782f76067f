"""Bodies that do not say how large they are (chunked ones), held to a limit as they come.

Werkzeug cuts such a body off at its limit and lets the view believe that this was all.
"""

from typing import Any, Protocol

from jobsched.errors import TooLarge


class Readable(Protocol):
    """The part of ``wsgi.input`` that is used here."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


class Capped:
    """A body of which at most *limit* bytes are read: one byte more, and it is refused."""

    def __init__(self, body: Readable, limit: int) -> None:
        self._body, self._limit, self._left = body, limit, limit

    def read(self, size: int | None = None) -> bytes:
        """Return up to *size* bytes. Raises: TooLarge."""
        return self._counted(self._body.read(self._most(size)))

    def readline(self, size: int | None = None) -> bytes:
        """Return up to *size* bytes of one line. Raises: TooLarge."""
        return self._counted(self._body.readline(self._most(size)))

    def _most(self, size: int | None) -> int:
        """Return how much to ask for: never more than a byte beyond the limit."""
        beyond = self._left + 1
        return beyond if size is None or size < 0 else min(size, beyond)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            self._left = 0
            raise too_large(self._limit)
        return data


def cap(environ: dict[str, Any], limit: int) -> None:
    """Hold the body of a request that announces no length to *limit* bytes."""
    environ["wsgi.input"] = Capped(environ["wsgi.input"], limit)


def too_large(limit: int) -> TooLarge:
    """Return the refusal of a body over *limit* bytes."""
    return TooLarge(f"The body may have {limit} bytes here.")
