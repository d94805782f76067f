"""Waiting in tests: for a condition, with a deadline; never for a time."""

import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 10.0, message: str = "") -> T:
    """Call *condition* until it returns something true, and return that.

    Raises: AssertionError after *seconds*, with *message* and the last value.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {seconds} s: {message or condition} (last: {value!r})"
            )
        select.select([], [], [], 0.02)
    return value
