"""What triggers accept, what they refuse and which moments they name."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.clock import SECOND, to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import IntervalTrigger, describe, parse, restore
from jobsched.triggers.interval import SHORTEST_US

NOW = to_us(datetime(2026, 5, 1, 7, tzinfo=UTC))
MINUTE = 60 * SECOND


def fields_refused(data: Mapping[str, object]) -> dict[str, str]:
    """Return field -> rule of everything that parse refuses in *data*."""
    with pytest.raises(InvalidInput) as refusal:
        parse(data, created_us=NOW)
    return {error.field: error.rule for error in refusal.value.errors}


def interval(**units: object) -> IntervalTrigger:
    trigger = parse({"interval": units}, created_us=NOW)
    assert isinstance(trigger, IntervalTrigger)
    return trigger


@pytest.mark.parametrize(
    ("units", "length"),
    [
        ({"seconds": 1}, timedelta(seconds=1)),
        ({"hours": 30, "minutes": 1}, timedelta(hours=30, minutes=1)),
        ({"weeks": 1}, timedelta(weeks=1)),
        ({"seconds": 0.5}, timedelta(seconds=0.5)),
        ({"seconds": 0.1}, timedelta(seconds=0.1)),
        (
            {"weeks": 1, "days": 1, "hours": 1, "minutes": 1, "seconds": 1},
            timedelta(weeks=1, days=1, hours=1, minutes=1, seconds=1),
        ),
        ({"hours": 1, "minutes": -5}, timedelta(minutes=55)),
        ({"seconds": 1, "fortnights": 2}, timedelta(seconds=1)),
    ],
)
def test_the_units_of_an_interval_add_up(units: dict[str, object], length: timedelta) -> None:
    assert interval(**units).interval == length


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        (None, "interval", "type"),
        ("1 minute", "interval", "type"),
        (5, "interval", "type"),
        ([], "interval", "type"),
        ({}, "interval", "required"),
        ({"fortnights": 2}, "interval", "required"),
        ({"seconds": "1"}, "interval.seconds", "number"),
        ({"minutes": None}, "interval.minutes", "number"),
        ({"hours": True}, "interval.hours", "number"),
        ({"days": math.nan}, "interval.days", "number"),
        ({"weeks": math.inf}, "interval.weeks", "number"),
        ({"seconds": {}}, "interval.seconds", "number"),
        ({"seconds": 0}, "interval.seconds", "positive"),
        ({"seconds": -1}, "interval.seconds", "positive"),
        ({"seconds": 1e-9}, "interval.seconds", "positive"),
        ({"seconds": 60, "minutes": -1}, "interval", "positive"),
        ({"seconds": 0.099}, "interval.seconds", "too_short"),
        ({"seconds": 60.05, "minutes": -1}, "interval", "too_short"),
        ({"weeks": 1e308}, "interval.weeks", "range"),
        ({"seconds": 10**400}, "interval.seconds", "range"),
        ({"days": 366 * 7975}, "interval", "range"),
    ],
)
def test_an_interval_that_is_none_is_refused(value: object, field: str, rule: str) -> None:
    assert fields_refused({"interval": value}) == {field: rule}


def test_the_refusal_of_a_short_interval_says_how_long_it_must_be() -> None:
    with pytest.raises(
        InvalidInput, match=r"^interval must be at least 0.1 seconds \(given: 0.000001"
    ):
        parse({"interval": {"seconds": 0.000001}}, created_us=NOW)


def test_a_short_interval_that_is_stored_already_stays_readable() -> None:
    trigger = restore({"interval": {"seconds": 0.001}, "start": "2026-05-01T00:00:00Z"})

    assert trigger.interval == timedelta(milliseconds=1)


def test_all_mistakes_are_named_at_once() -> None:
    refused = fields_refused(
        {
            "interval": {"seconds": "x", "hours": False},
            "end": "tomorrow",
            "count": 0,
            "jitter": -1,
            "timezone": "Mars/Olympus",
            "strat": "2026-05-01",
        }
    )

    assert set(refused) == {
        "interval.seconds", "interval.hours", "end", "count", "jitter", "timezone", "strat",
    }  # fmt: skip


def test_a_wrong_length_is_told_beside_other_mistakes() -> None:
    refused = fields_refused({"interval": {"seconds": -1}, "timezone": "Mars", "end": "x"})

    assert refused == {"interval.seconds": "positive", "timezone": "timezone", "end": "time"}


def test_the_nearest_field_is_suggested() -> None:
    with pytest.raises(InvalidInput, match="Did you mean interval"):
        parse({"interval": {"seconds": 1}, "intervall": 3}, created_us=NOW)


def test_exactly_one_kind_is_asked_for() -> None:
    assert fields_refused({}) == {"interval": "required"}
    assert fields_refused({"interval": {"seconds": 1}, "at": "2026-06-01"}) == {"at": "one_of"}
    assert fields_refused({"at": "2026-06-01", "cron": "* * * * *"}) == {"cron": "one_of"}
    assert fields_refused({"crno": "* * * * *"}) == {"crno": "unknown", "interval": "required"}


def test_the_first_moment_is_one_interval_after_creation() -> None:
    assert interval(seconds=90).first(NOW) == NOW + 90 * SECOND


def test_a_start_to_come_is_the_first_moment() -> None:
    trigger = parse(
        {"interval": {"minutes": 5}, "start": "2026-05-01T12:00:00+02:00"}, created_us=NOW
    )

    assert trigger.first(NOW) == NOW + 180 * MINUTE


def test_a_start_in_the_past_gives_the_grid_and_count_counts_from_creation() -> None:
    trigger = parse(
        {"interval": {"minutes": 10}, "start": "2026-05-01T06:55:00Z", "count": 2}, created_us=NOW
    )

    assert list(trigger.moments(0)) == [NOW + 5 * MINUTE, NOW + 15 * MINUTE]


def test_the_end_is_included() -> None:
    trigger = parse({"interval": {"minutes": 1}, "end": "2026-05-01T07:02:00Z"}, created_us=NOW)

    assert list(trigger.moments(NOW)) == [NOW + MINUTE, NOW + 2 * MINUTE]


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        ({"interval": {"hours": 1}, "end": "2026-05-01T06:00:00Z"}, {"end": "past"}),
        ({"interval": {"hours": 1}, "end": "2026-05-01T07:30:00Z"}, {"end": "order"}),
        ({"at": "2026-05-02T00:00:00Z", "end": "2026-05-01T08:00:00Z"}, {"end": "never"}),
        ({"at": "2026-05-02T00:00:00Z", "start": "2026-05-03"}, {"at": "never"}),
        ({"at": "2026-05-01T06:58:59Z"}, {"at": "past"}),
        ({"at": None}, {"at": "time"}),
        ({"at": 5}, {"at": "time"}),
        ({"at": "2026-05-01T07:00:60Z"}, {"at": "time"}),
        ({"at": "9999-12-31T23:59:59Z"}, {"at": "range"}),
        ({"at": "0001-01-01T00:00:00+23:59"}, {"at": "past"}),
        ({"at": "0001-01-01T00:00:00", "timezone": "Asia/Tokyo"}, {"at": "range"}),
        ({"at": "2" * 4096}, {"at": "time"}),
        ({"at": "2026-06-01", "timezone": "../UTC"}, {"timezone": "timezone"}),
        ({"at": "2026-06-01", "timezone": "Europe"}, {"timezone": "timezone"}),
        ({"at": "2026-06-01", "timezone": "\0"}, {"timezone": "timezone"}),
        ({"at": "2026-06-01", "timezone": 1}, {"timezone": "timezone"}),
        ({"at": "2026-06-01", "count": True}, {"count": "range"}),
        ({"at": "2026-06-01", "count": 1.5}, {"count": "range"}),
        ({"at": "2026-06-01", "jitter": math.nan}, {"jitter": "range"}),
    ],
)
def test_what_can_never_fire_or_be_read_is_refused(
    data: dict[str, object], refused: dict[str, str]
) -> None:
    assert fields_refused(data) == refused


def test_a_moment_just_gone_is_meant_for_now() -> None:
    trigger = parse({"at": "2026-05-01T06:59:30Z"}, created_us=NOW)

    assert trigger.first(NOW) == NOW


def test_at_names_one_moment() -> None:
    trigger = parse({"at": "2026-05-01T09:00:00", "timezone": "Europe/Berlin"}, created_us=NOW)

    assert list(trigger.moments(0)) == [NOW]
    assert trigger.count_between(NOW, NOW + 1) == (1, NOW, NOW)
    assert trigger.count_between(NOW + 1, NOW + 9) == (0, None, None)


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/Berlin", "2027-03-28T02:30:00", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ],
)
def test_a_local_time_in_a_gap_or_fold_is_one_instant(zone: str, local: str, utc: datetime) -> None:
    trigger = parse({"at": local, "timezone": zone}, created_us=NOW)

    assert trigger.first(NOW) == to_us(utc)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"interval": {"minutes": 5}}, "Every 5 minutes"),
        ({"interval": {"hours": 1}}, "Every hour"),
        ({"interval": {"hours": 30}, "count": 3}, "Every 1 day 6 hours, 3 times"),
        ({"at": "2026-05-01T09:00:00Z"}, "Once at 2026-05-01 09:00"),
        (
            {"interval": {"seconds": 0.5}, "end": "2026-05-01T09:00:00Z"},
            "Every 0.5 seconds, until 2026-05-01 09:00",
        ),
    ],
)  # fmt: skip
def test_a_trigger_is_told_in_words(data: dict[str, object], text: str) -> None:
    assert describe(parse(data, created_us=NOW)) == text


@given(
    step=st.integers(1, 10**15),
    first=st.integers(0, 10**13),
    length=st.integers(0, 10**13),
    count=st.none() | st.integers(1, 50),
)
def test_moments_are_counted_as_if_they_were_listed(
    step: int, first: int, length: int, count: int | None
) -> None:
    step = max(step, length // 100 + 1)
    trigger = IntervalTrigger(start_us=10**12, step_us=step, count=count)

    listed = list(trigger.moments(first - 1, first + length - 1))
    stretch = trigger.count_between(first, first + length)

    assert stretch.total == len(listed)
    assert (stretch.first, stretch.last) == ((listed[0], listed[-1]) if listed else (None, None))
    assert trigger.newest_between(first, first + length, 7) == listed[-7:]


@given(
    step=st.integers(1, 10**16),
    count=st.none() | st.integers(1, 10**9),
    jitter=st.integers(0, 10**6),
)
def test_the_canonical_form_reads_back_as_the_same_trigger(
    step: int, count: int | None, jitter: int
) -> None:
    trigger = IntervalTrigger(
        start_us=NOW + 1, step_us=step, count=count, jitter_us=jitter, end_us=NOW + 10**9
    )

    assert restore(trigger.to_json()) == trigger
    if step >= SHORTEST_US:
        assert parse(trigger.to_json(), created_us=NOW) == trigger


def test_a_month_of_seconds_is_counted_without_listing_it() -> None:
    trigger = interval(seconds=1)

    stretch = trigger.count_between(NOW, NOW + 30 * 86_400 * SECOND)

    assert stretch.total == 30 * 86_400 - 1


def test_a_stock_scheduler_gets_aware_times() -> None:
    trigger = interval(seconds=10)
    now = datetime(2026, 5, 1, 7, tzinfo=UTC)

    first = trigger.get_next_fire_time(None, now)
    assert first == now + timedelta(seconds=10)
    assert trigger.get_next_fire_time(first, now) == now + timedelta(seconds=20)


def test_a_stored_form_that_is_broken_is_refused() -> None:
    with pytest.raises(InvalidInput):
        restore({"interval": {"seconds": 1}})
