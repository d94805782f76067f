"""Cron triggers as users give them: moments, canonical form, refusals and warnings."""

import timeit
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.clock import from_us, to_us
from jobsched.errors import InvalidInput
from jobsched.triggers import CronTrigger, Trigger, describe, parse, restore
from jobsched.triggers.plugins import Cron

NOW = to_us(datetime(2026, 1, 1, 12, tzinfo=UTC))
BERLIN = "Europe/Berlin"
HOUR_US = 3600 * 1_000_000
FRIDAY, SUNDAY = 4, 6


def cron(said: object, **more: object) -> Trigger:
    return parse({"cron": said, **more}, created_us=NOW)


def local_times(said: object, number: int, zone: str = "UTC") -> list[datetime]:
    """Return the first moments from 2026 on, by the clocks of *zone*, without offset."""
    trigger = cron(said, timezone=zone)
    moments = islice(trigger.moments(NOW), number)
    return [from_us(us).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for us in moments]


def days(said: object, number: int, zone: str = "UTC") -> list[date]:
    return [moment.date() for moment in local_times(said, number, zone)]


def refused(data: dict[str, object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        parse(data, created_us=NOW)
    return [(error.field, error.rule) for error in refusal.value.errors]


@pytest.mark.parametrize("weekday", ["0", "7", "sun", "SUN"])
def test_0_and_7_are_sundays(weekday: str) -> None:
    moments = local_times(f"0 9 * * {weekday}", 60)

    assert {(moment.weekday(), moment.hour) for moment in moments} == {(SUNDAY, 9)}
    assert moments[0].date() == date(2026, 1, 4)


def test_the_13th_or_friday_in_unix() -> None:
    found = days("0 0 13 * fri", 9)

    assert {day for day in found if day.weekday() != FRIDAY} == {date(2026, 1, 13)}
    assert found[:3] == [date(2026, 1, 2), date(2026, 1, 9), date(2026, 1, 13)]


def test_friday_the_13th_in_ncrontab() -> None:
    said = {"expression": "0 0 0 13 * fri", "dialect": "ncrontab"}

    assert days(said, 4) == [
        date(2026, 2, 13), date(2026, 3, 13), date(2026, 11, 13), date(2027, 8, 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("@daily", [(1, 2), (1, 3), (1, 4)]),
        ("@weekly", [(1, 4), (1, 11), (1, 18)]),
        ("0 0 L * *", [(1, 31), (2, 28), (3, 31)]),
        ("0 0 LW * *", [(1, 30), (2, 27), (3, 31)]),
        ("0 0 * * 5L", [(1, 30), (2, 27), (3, 27)]),
        ("0 0 * * friL", [(1, 30), (2, 27), (3, 27)]),
        ("0 0 * * mon#2", [(1, 12), (2, 9), (3, 9)]),
        ("0 0 * * 5-7", [(1, 2), (1, 3), (1, 4)]),
        ("0 0 */2 * fri", [(1, 9), (1, 23), (2, 13)]),
        ("0 0 31 * *", [(1, 31), (3, 31), (5, 31)]),
    ],
)
def test_special_days(said: str, expected: list[tuple[int, int]]) -> None:
    assert [(day.month, day.day) for day in days(said, 3)] == expected


def test_the_29th_of_february_waits_for_leap_years() -> None:
    assert days("0 0 29 2 *", 2) == [date(2028, 2, 29), date(2032, 2, 29)]


def test_midnight_in_berlin_happens_every_day_of_the_clock_changes() -> None:
    found = days("0 0 * * *", 365, BERLIN)

    assert date(2026, 3, 30) in found
    assert found == [date(2026, 1, 2) + timedelta(days=day) for day in range(365)]


def test_the_first_of_the_month_in_berlin_includes_april() -> None:
    assert days("0 0 1 * *", 3, BERLIN) == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]


def test_monday_midnight_in_berlin_includes_the_day_after_the_change() -> None:
    assert date(2026, 3, 30) in days("0 0 * * mon", 13, BERLIN)


def test_each_zone_has_its_own_nine_o_clock() -> None:
    data = {"cron": "0 9 * * *", "timezone": "America/New_York"}

    assert parse(data, created_us=NOW).next_after(NOW) == to_us(
        datetime(2026, 1, 1, 14, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("dst", "spring", "autumn"),
    [("once", [1], [0]), ("skip", [], [0]), ("both", [1], [0, 1])],
)
def test_a_fixed_time_follows_the_policy_where_clocks_change(
    dst: str, spring: list[int], autumn: list[int]
) -> None:
    trigger = cron("30 2 * * *", timezone=BERLIN, dst=dst)

    def hours_utc(*day: int) -> list[int]:
        midnight = to_us(datetime(*day, tzinfo=ZoneInfo(BERLIN)))  # type: ignore[misc,arg-type]
        return [from_us(us).hour for us in trigger.moments(midnight, midnight + 25 * HOUR_US - 1)]

    assert hours_utc(2026, 3, 29) == spring
    assert hours_utc(2026, 10, 25) == autumn


def test_a_literal_time_is_as_often_as_clocks_show_it() -> None:
    found = local_times("*/30 2 * * *", 2 * 365, BERLIN)

    shown = Counter(moment.date() for moment in found)
    assert {day: often for day, often in shown.items() if often != 2} == {date(2026, 10, 25): 4}
    assert date(2026, 3, 29) not in shown


def test_start_and_end_bound_the_moments_and_are_included() -> None:
    trigger = cron("0 9 * * *", start="2026-03-01T09:00:00", end="2026-03-03T09:00:00")

    assert [from_us(us).day for us in trigger.moments(0)] == [1, 2, 3]


def test_count_counts_from_creation_and_is_kept_with_it() -> None:
    trigger = cron("0 9 * * *", count=3)

    assert [from_us(us).day for us in trigger.moments(0)] == [2, 3, 4]
    assert trigger.stored()["since"] == "2026-01-01T12:00:00Z"
    assert "since" not in cron("0 9 * * *").stored()


@pytest.mark.parametrize(
    ("said", "canonical"),
    [
        ("0  9 * *   1-5", "0 9 * * 1-5"),
        ("@Daily", "@daily"),
        ({"expression": "0 9 * * 1-5"}, "0 9 * * 1-5"),
        ({"expression": "0 9 * * 1-5", "dialect": "unix"}, "0 9 * * 1-5"),
        ({"expression": "30 0 9 * * 1-5", "dialect": "unix"}, "30 0 9 * * 1-5"),
        (
            {"expression": " 0 9 * * 1-5", "dialect": "ncrontab"},
            {"expression": "0 9 * * 1-5", "dialect": "ncrontab"},
        ),
    ],
)
def test_the_canonical_form_is_short(said: object, canonical: object) -> None:
    assert cron(said).to_json() == {"cron": canonical, "timezone": "UTC"}


@settings(deadline=None)
@given(
    said=st.sampled_from(
        [
            "0 9 * * 1-5", "*/5 * * * * *", "@weekly", "0 0 LW,13 2 mon#2",
            {"expression": "0 0 9 1/5 Mar Sat", "dialect": "ncrontab"},
        ]
    ),
    more=st.fixed_dictionaries(
        {},
        optional={
            "timezone": st.sampled_from(["UTC", BERLIN]),
            "dst": st.sampled_from(["once", "skip", "both"]),
            "start": st.sampled_from(["2026-03-01T09:00:00", "2026-02-01T00:00:00Z"]),
            "end": st.just("2036-03-01T09:00:00"),
            "count": st.integers(1, 2000),
            "jitter": st.integers(0, 60),
        },
    ),
)  # fmt: skip
def test_the_canonical_form_reads_back_as_the_same_trigger(
    said: object, more: dict[str, object]
) -> None:
    trigger = cron(said, **more)

    again = [parse(trigger.to_json(), created_us=NOW), restore(trigger.stored())]
    assert again == [trigger, trigger]
    assert [list(islice(each.moments(NOW), 5)) for each in again] == [
        list(islice(trigger.moments(NOW), 5))
    ] * 2


def test_a_stored_form_is_taken_however_old_it_is() -> None:
    trigger = restore({"cron": "0 9 * * *", "count": 1, "since": "2001-01-01T00:00:00Z"})

    assert list(trigger.moments(0)) == [to_us(datetime(2001, 1, 1, 9, tzinfo=UTC))]


def test_a_stored_form_is_taken_even_if_it_never_fires() -> None:
    assert restore({"cron": "0 0 30 2 *"}).next_after(NOW) is None


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        (5, [("cron", "type")]),
        (None, [("cron", "type")]),
        (["0 9 * * *"], [("cron", "type")]),
        ("", [("cron", "required")]),
        ("60 * * * *", [("cron", "range")]),
        ("60 24 * * x", [("cron", "range"), ("cron", "range"), ("cron", "unknown")]),
        ({}, [("cron.expression", "required")]),
        ({"expression": None}, [("cron.expression", "required")]),
        ({"expression": 5}, [("cron.expression", "type")]),
        ({"expression": "60 * * * *"}, [("cron.expression", "range")]),
        ({"expression": "* * * * *", "dialect": "quartz"}, [("cron.dialect", "choice")]),
        ({"expression": "* * * * *", "dialect": 5}, [("cron.dialect", "choice")]),
        ({"expression": "0 0 0 L * *", "dialect": "ncrontab"}, [("cron.expression", "text")]),
        ({"expression": "0 9 * * *", "dialct": "unix"}, [("cron.dialct", "unknown")]),
        ("0 0 30 2 *", [("cron", "never")]),
        ("0 0 31 2,4,6,9,11 *", [("cron", "never")]),
        ({"expression": "0 0 0 30 2 *", "dialect": "ncrontab"}, [("cron", "never")]),
    ],
)
def test_what_is_no_cron_is_refused(said: object, errors: list[tuple[str, str]]) -> None:
    assert refused({"cron": said}) == errors


def test_mistakes_beside_those_of_the_expression_are_told_too() -> None:
    errors = refused({"cron": "0 9 * * 8", "timezone": "Mars", "count": 0, "dst": "never"})

    assert set(errors) == {
        ("cron", "range"), ("timezone", "timezone"), ("count", "range"), ("dst", "choice"),
    }  # fmt: skip


def test_a_misspelt_key_of_cron_is_suggested() -> None:
    with pytest.raises(InvalidInput, match=r"dialct is not a field of cron\. Did you mean dialect"):
        cron({"expression": "0 9 * * *", "dialct": "unix"})


def test_a_day_that_lies_beyond_the_end_is_never() -> None:
    assert refused({"cron": "0 0 29 2 *", "end": "2027-01-01T00:00:00Z"}) == [("end", "never")]


@pytest.mark.parametrize(
    "said",
    [
        "0 0 30 2 *",
        pytest.param("1," * 200_000 + "1 * * * *", id="200,000 items"),
        "*/0 * * * *",
        "60 * * * *",
        pytest.param("x," * 123 + "x * * * *", id="124 mistakes"),
        pytest.param("9" * 248 + " * * * *", id="a number of 248 digits"),
        pytest.param("@" * 4096, id="4 KB"),
        {"expression": "9" * 4096, "dialect": "ncrontab"},
    ],
)
def test_a_refusal_takes_less_than_50_milliseconds(said: object) -> None:
    best = min(timeit.repeat(lambda: refused({"cron": said}), number=1, repeat=5))

    assert best < 0.05


@pytest.mark.parametrize(
    ("said", "rules"),
    [
        ("0 0 13 * fri", ["day_or_weekday"]),
        ("0 0 1-31 * fri", ["day_or_weekday"]),
        ("0 0 L * mon#1", ["day_or_weekday"]),
        ("0 0 */2 * fri", ["day_and_weekday"]),
        ("0 0 LW * */2", ["day_and_weekday"]),
        ("0 0 * * fri", []),
        ("0 0 13 * *", []),
        ("0 0 */1 * fri", []),
        ("* * * * * *", []),
        ({"expression": "0 0 0 13 * fri", "dialect": "ncrontab"}, ["day_and_weekday"]),
        ({"expression": "0 0 0 * * fri", "dialect": "ncrontab"}, []),
    ],
)
def test_a_day_beside_a_weekday_is_warned_of(said: object, rules: list[str]) -> None:
    assert [warning.rule for warning in cron(said).warnings()] == rules


def test_the_description_has_words_and_bounds() -> None:
    trigger = cron("0 9 * * 1-5", count=3, timezone=BERLIN)

    assert describe(trigger) == "Monday to Friday at 09:00, 3 times"
    assert trigger.interval is None


def test_a_stock_scheduler_makes_it_by_name() -> None:
    plain = Cron(expression="0 9 * * *", timezone=ZoneInfo(BERLIN))
    kudu = Cron(cron="0 0 9 * * 1", dialect="ncrontab", start_date=datetime(2099, 1, 1, tzinfo=UTC))

    assert plain == parse({"cron": "0 9 * * *", "timezone": BERLIN})
    assert isinstance(kudu, CronTrigger)
    assert kudu.get_next_fire_time(None, datetime.now(UTC)) == datetime(2099, 1, 5, 9, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="cron: field 1"):
        Cron(expression="60 * * * *")
