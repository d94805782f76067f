"""Durations and moments as users write them, and times as they read them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from jobsched.cli import times
from jobsched.client.failures import Misused


@pytest.fixture
def rome(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Rome")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "units", "seconds"),
    [
        ("30s", {"seconds": 30}, 30),
        ("1h30m", {"hours": 1, "minutes": 30}, 5400),
        ("2d", {"days": 2}, 172800),
        ("1w", {"weeks": 1}, 604800),
        ("0.5s", {"seconds": 0.5}, 0.5),
        ("45", {"seconds": 45}, 45),
    ],
)
def test_durations(text: str, units: dict[str, float], seconds: float) -> None:
    assert times.units(text) == units
    assert times.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1x", "-5s", "1h1h", "1 h", "٣s", "1e3s", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Misused, match=r"duration|twice"):
        times.units(text)


@pytest.mark.usefixtures("rome")
def test_a_moment_without_an_offset_is_local() -> None:
    assert times.moment("2026-07-01T09:00", 1) == "2026-07-01T07:00:00Z"
    assert times.moment("2026-07-01", 1) == "2026-06-30T22:00:00Z"
    assert times.moment("2026-07-01T09:00:00+01:00", -1) == "2026-07-01T08:00:00Z"
    assert times.moment("2026-07-01T09:00:00Z", -1) == "2026-07-01T09:00:00Z"


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_duration_is_a_moment_from_now(direction: int) -> None:
    found = datetime.fromisoformat(times.moment("2h", direction))

    assert abs((found - datetime.now(UTC)).total_seconds() - direction * 7200) < 60


@pytest.mark.parametrize("text", ["", "today", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Misused, match="is no time"):
        times.moment(text, 1)


@pytest.mark.usefixtures("rome")
def test_instants_are_shown_to_the_second() -> None:
    assert times.shown("2026-07-01T07:00:00.999999Z", utc=False) == "2026-07-01 09:00:00+02:00"
    assert times.shown("2026-10-25T00:30:00Z", utc=False) == "2026-10-25 02:30:00+02:00"
    assert times.shown("2026-10-25T01:30:00Z", utc=False) == "2026-10-25 02:30:00+01:00"
    assert times.shown("2026-07-01T07:00:00Z", utc=True) == "2026-07-01 07:00:00Z"
    assert times.shown(None, utc=True) == "-"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.214, "0.21s"),
        (12.54, "12.5s"),
        (59.99, "1m00s"),
        (185, "3m05s"),
        (3599.7, "1h00m"),
        (7320, "2h02m"),
    ],
)
def test_lengths_are_short(seconds: float | None, shown: str) -> None:
    assert times.length(seconds) == shown
