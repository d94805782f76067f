"""Pages of long lists: a page ends with a cursor that says where the next one begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobsched.errors import InvalidInput

T = TypeVar("T")
_LONGEST = 100


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


def cursor_after(*place: int) -> str:
    """Return the opaque text that stands for the values after *place*, one number or several."""
    plain = ",".join(map(str, place)).encode("ascii")
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def place_of(cursor: str | None) -> int | None:
    """Return the place in a *cursor* of ours; None for None.

    Raises: InvalidInput naming ``cursor``.
    """
    place = places_of(cursor, 1)
    return None if place is None else place[0]


def places_of(cursor: str | None, count: int) -> tuple[int, ...] | None:
    """Return the *count* numbers that a *cursor* of ours stands for; None for None.

    Raises: InvalidInput naming ``cursor``.
    """
    if cursor is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4))
        place = tuple(map(int, plain.split(b",")))
    except (ValueError, binascii.Error):
        place = ()
    known = len(place) == count and cursor_after(*place) == cursor
    if not known or any(abs(number) >= 2**63 for number in place):
        raise InvalidInput.field("cursor", "cursor", "cursor is not one that a list has given out.")
    return place
