"""How long something takes on a machine that has other work, too."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

Result = TypeVar("Result")


def soonest(work: Callable[[], Result], tries: int = 5) -> tuple[Result, float]:
    """Return what *work* returns, and the shortest of the times of *tries* in seconds."""
    times = []
    for _ in range(tries):
        begun = perf_counter()
        result = work()
        times.append(perf_counter() - begun)
    return result, min(times)
