"""Waits between tries."""

from jobsched.execution.backoff import Backoff


def test_each_failure_waits_twice_as_long_up_to_the_limit() -> None:
    backoff = Backoff(first=0.5, most=3.0)

    waits = [backoff.failed() for _ in range(5)]

    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_success_starts_over() -> None:
    backoff = Backoff(first=0.5)
    backoff.failed()
    backoff.failed()

    backoff.succeeded()

    assert backoff.failed() == 0.5
