"""Instants and spans as clients of Kudu read them."""

from datetime import UTC, datetime, timedelta

import pytest

from jobsched.web.kudu.times import duration, instant


def test_an_instant_has_six_digits_and_z() -> None:
    assert instant(datetime(2013, 11, 8, 2, 56, tzinfo=UTC)) == "2013-11-08T02:56:00.000000Z"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=60), "00:01:00"),
        (timedelta(seconds=0.9), "00:00:00"),
        (timedelta(hours=23, minutes=59, seconds=59.99), "23:59:59"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1.02:03:04"),
        (timedelta(seconds=-5), "00:00:00"),
    ],
)
def test_a_span_is_days_hours_minutes_seconds(length: timedelta, text: str) -> None:
    assert duration(length) == text
