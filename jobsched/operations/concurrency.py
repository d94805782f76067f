"""How many runs are expected to be alive at once, told for ever later instants."""

import heapq
from bisect import insort


class Concurrency:
    """Runs with the ends that are expected of them; of one job no more than it allows at once.

    Of too many runs of a job those count that end last.
    """

    def __init__(self) -> None:
        self._ends: dict[int, list[int]] = {}  # by job, ascending
        self._queue: list[tuple[int, int]] = []
        self._total = 0

    def add(self, key: int, end_us: int, most: int) -> None:
        """Count a run of the job *key* until before *end_us*, one of *most* at once."""
        ends = self._ends.setdefault(key, [])
        insort(ends, end_us)
        heapq.heappush(self._queue, (end_us, key))
        if len(ends) > most:
            del ends[0]
        else:
            self._total += 1

    def at(self, us: int) -> int:
        """Return how many there are at *us*, which is never less than before."""
        while self._queue and self._queue[0][0] <= us:
            _, key = heapq.heappop(self._queue)
            ends = self._ends.get(key, [])
            while ends and ends[0] <= us:
                del ends[0]
                self._total -= 1
            if not ends:
                self._ends.pop(key, None)
        return self._total

    def of(self, key: int) -> int:
        """Return how many of them are runs of the job *key*."""
        return len(self._ends.get(key, ()))
