"""How much one client may ask: a token bucket for each."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf

from jobsched import clock
from jobsched.errors import TooManyRequests

MAX_CLIENTS = 10_000
NEWS_AFTER = 60.0  # seconds after which it is worth noting again that a client asks too much


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float
    refused_at: float = -inf


class Buckets:
    """One bucket of *burst* requests per client, refilled with *rate* of them a second.

    A *rate* of 0 means no limit. The clients seen longest ago are forgotten first.
    """

    def __init__(
        self, rate: float, burst: int, monotonic: Callable[[], float] = clock.monotonic
    ) -> None:
        self._rate, self._burst, self._monotonic = rate, max(1, burst), monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, client: str) -> None:
        """Count one request of *client*.

        Raises: TooManyRequests with the seconds after which one more is possible.
        """
        if self._rate <= 0:
            return
        now = self._monotonic()
        with self._guard:
            bucket, missing = self._taken(client, now)
            news = now - bucket.refused_at >= NEWS_AFTER
            if missing > 0 and news:
                bucket.refused_at = now
        if missing > 0:
            seconds = max(1, ceil(missing / self._rate))
            raise TooManyRequests(
                f"More than {self._rate:g} requests a second; try again in {seconds} s.",
                retry_after=seconds,
                news=news,
            )

    def _taken(self, client: str, now: float) -> tuple[_Bucket, float]:
        """Take one request out of the client's bucket; return it, and how much was missing."""
        bucket = self._buckets.setdefault(client, _Bucket(self._burst, now))
        self._buckets.move_to_end(client)
        bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        while len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if bucket.level < 1:
            return bucket, 1 - bucket.level
        bucket.level -= 1
        return bucket, 0
