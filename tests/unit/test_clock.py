"""Instants are exact to the microsecond, both ways."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobsched import clock


@pytest.mark.parametrize(
    ("moment", "microseconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC), 1_000_001),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 253_402_300_799_999_999),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
    ],
)
def test_a_moment_is_its_microseconds_exactly(moment: datetime, microseconds: int) -> None:
    assert clock.to_us(moment) == microseconds
    assert clock.from_us(microseconds) == moment
    assert clock.from_us(microseconds).tzinfo is UTC


def test_now_is_aware_and_the_same_in_both_forms() -> None:
    before = clock.now_us()
    now = clock.now()
    after = clock.now_us()

    assert now.utcoffset() == timedelta(0)
    assert before <= clock.to_us(now) <= after


def test_a_second_has_a_million_parts() -> None:
    assert clock.to_us(clock.from_us(0) + timedelta(seconds=1)) == clock.SECOND


def test_the_monotonic_clock_never_goes_back() -> None:
    assert clock.monotonic() <= clock.monotonic()
