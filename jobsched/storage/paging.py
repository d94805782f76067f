"""Pages of long lists: a page ends with a cursor that says where the next one begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobsched.errors import InvalidInput

T = TypeVar("T")
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some *values* of a list, and the cursor of the *next* page; None on the last one."""

    values: list[T]
    next: str | None


def page_of(values: Sequence[T], limit: int, place: Callable[[T], int]) -> Page[T]:
    """Return the first *limit* of *values*, of which one more than that was read.

    *place* tells the number by which the list is ordered.
    """
    shown = list(values[:limit])
    more = len(values) > limit and shown
    return Page(values=shown, next=cursor_after(place(shown[-1])) if more else None)


def cursor_after(place: int) -> str:
    """Return the opaque text that stands for the values after *place*."""
    return base64.urlsafe_b64encode(b"%d" % place).decode().rstrip("=")


def place_of(cursor: str | None) -> int | None:
    """Return the place in a *cursor* of ours; None for None.

    Raises: InvalidInput naming ``cursor``.
    """
    if cursor is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4))
        place = int(plain)
    except (ValueError, binascii.Error):
        place = None
    if place is None or cursor_after(place) != cursor or abs(place) >= 2**63:
        raise InvalidInput.field("cursor", "cursor", "cursor is not one that a list has given out.")
    return place
