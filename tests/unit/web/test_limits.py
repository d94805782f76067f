"""The token bucket, on a clock of the test's own."""

import pytest

from jobsched.errors import TooManyRequests
from jobsched.web import limits
from jobsched.web.limits import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_request_is_told_when_to_come_back() -> None:
    buckets = Buckets(rate=0.5, burst=3, monotonic=Clock())
    for _ in range(3):
        buckets.take("a")

    with pytest.raises(TooManyRequests) as refusal:
        buckets.take("a")

    assert refusal.value.retry_after == 2


def test_a_bucket_refills_with_time_up_to_its_burst() -> None:
    clock = Clock()
    buckets = Buckets(rate=2, burst=2, monotonic=clock)
    for _ in range(2):
        buckets.take("a")

    clock.now = 100.0

    for _ in range(2):
        buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_clients_do_not_share_a_bucket() -> None:
    buckets = Buckets(rate=1, burst=1, monotonic=Clock())
    buckets.take("a")

    buckets.take("b")


def test_rate_zero_is_no_limit() -> None:
    buckets = Buckets(rate=0, burst=1, monotonic=Clock())

    for _ in range(1000):
        buckets.take("a")


def test_the_clients_seen_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CLIENTS", 2)
    buckets = Buckets(rate=1, burst=1, monotonic=Clock())
    for client in ("a", "b", "c"):
        buckets.take(client)

    buckets.take("a")  # forgotten, so its bucket is full again
    with pytest.raises(TooManyRequests):
        buckets.take("c")
