"""Days of rules: the next one, and how many, against every day one by one."""

import copy
import pickle
from datetime import MAXYEAR, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.triggers.days import LAST_DAY, Days, EveryDay, EveryFewDays, MonthDays, Weeks
from jobsched.triggers.monthdays import MonthRule

ALL = range(1, 13)
MONDAY = date(2026, 3, 2).toordinal()
MARCH = 2026 * 12 + 2


def numbered(*days: int) -> MonthRule:
    return MonthRule(days=frozenset(days))


def monday_of(day: int) -> int:
    return day - (day - 1) % 7


def month_of(day: int) -> int:
    found = date.fromordinal(day)
    return found.year * 12 + found.month - 1


EXAMPLES: list[tuple[Days, object]] = [
    (EveryDay(), lambda day: True),
    (EveryFewDays(MONDAY, 3), lambda day: (day - MONDAY) % 3 == 0),
    (Weeks(MONDAY, 1, (0, 4)), lambda day: (day - 1) % 7 in {0, 4}),
    (
        Weeks(MONDAY + 2, 2, (0, 6)),
        lambda day: (day - 1) % 7 in {0, 6} and (monday_of(day) - MONDAY) % 14 == 0,
    ),
    (MonthDays(ALL, numbered(1, 31)), lambda day: date.fromordinal(day).day in {1, 31}),
    (MonthDays([2], numbered(29)), lambda day: f"{date.fromordinal(day):%m-%d}" == "02-29"),
    (
        MonthDays(ALL, numbered(15), 5, MARCH),
        lambda day: date.fromordinal(day).day == 15 and (month_of(day) - MARCH) % 5 == 0,
    ),
    (
        MonthDays(ALL, MonthRule(weekdays=frozenset({2}), days=frozenset({7}))),
        lambda day: (day - 1) % 7 == 2 or date.fromordinal(day).day == 7,
    ),
]
FIRST, END = date(2019, 1, 1).toordinal(), date(2033, 1, 1).toordinal()


@pytest.mark.parametrize(("days", "picks"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_the_days_are_those_that_the_rule_names(days: Days, picks: object) -> None:
    assert callable(picks)
    named = [day for day in range(FIRST, END) if picks(day)]

    found, day = [], days.at_or_after(FIRST)
    while day is not None and day < END:
        found.append(day)
        day = days.at_or_after(day + 1)

    assert found == named


@pytest.mark.parametrize(("days", "picks"), EXAMPLES, ids=lambda value: type(value).__name__)
@given(first=st.integers(FIRST, END), length=st.integers(-3, 2000))
def test_days_are_counted_as_they_are_listed(
    days: Days, picks: object, first: int, length: int
) -> None:
    assert callable(picks)

    assert days.count(first, first + length) == sum(map(picks, range(first, first + length)))


@pytest.mark.parametrize("days", [days for days, _ in EXAMPLES])
def test_nothing_comes_after_the_calendar(days: Days) -> None:
    last = days.at_or_after(LAST_DAY - 3000)

    assert last is not None
    assert last <= LAST_DAY
    assert days.at_or_after(LAST_DAY + 1) is None


@pytest.mark.parametrize("days", [days for days, _ in EXAMPLES])
def test_cyclic_days_come_again_after_400_years(days: Days) -> None:
    cycle = 400 * 365 + 97
    again = [days.at_or_after(FIRST + offset + cycle) for offset in range(0, 3000, 7)]

    same = [(days.at_or_after(FIRST + offset) or 0) + cycle for offset in range(0, 3000, 7)]

    assert (again == same) is days.cyclic


def test_weeks_go_on_over_new_year_by_twos() -> None:
    days = Weeks(date(2026, 12, 16).toordinal(), 2, (2,))

    found = [days.at_or_after(date(2026, 12, 17 + gap).toordinal()) for gap in (0, 14)]

    assert found == [date(2026, 12, 30).toordinal(), date(2027, 1, 13).toordinal()]


def test_a_day_that_never_comes_is_not_searched_for_ever() -> None:
    assert MonthDays([2], numbered(30)).at_or_after(FIRST) is None
    assert MonthDays([2], numbered(31), 12, 2026 * 12).at_or_after(FIRST) is None
    assert MonthDays(ALL, MonthRule()).at_or_after(FIRST) is None


def test_a_rare_day_is_found_over_the_turn_of_a_century() -> None:
    leap_monday = MonthRule(days=frozenset({29}), weekdays=frozenset({0}), both=True)

    found = MonthDays([2], leap_monday).at_or_after(date(2072, 3, 1).toordinal())

    assert found == date(2112, 2, 29).toordinal()


def test_with_a_step_a_rare_day_is_searched_for_longer() -> None:
    rule = MonthRule(days=frozenset({29}), weekdays=frozenset({5}), both=True)
    days = MonthDays([2], rule, 12 * 11, 2020 * 12 + 1)

    found = days.at_or_after(date(2020, 3, 1).toordinal())

    years = range(2031, MAXYEAR, 11)
    first = next(
        y
        for y in years
        if y % 4 == 0 and (y % 100 or not y % 400) and date(y, 2, 29).weekday() == 5
    )
    assert found == date(first, 2, 29).toordinal()


def test_short_months_are_told_with_what_they_lack() -> None:
    first, end = date(2026, 1, 31).toordinal(), date(2026, 5, 1).toordinal()

    found = list(MonthDays(ALL, numbered(30, 31)).short_months(first, end))
    later = list(MonthDays([2, 4, 6], numbered(31)).short_months(first, end))

    assert found == [(2026 * 12 + 1, ("day 30", "day 31"))]
    assert later == [(2026 * 12 + 1, ("day 31",)), (2026 * 12 + 3, ("day 31",))]
    assert not list(EveryDay().short_months(first, end))


def test_short_months_keep_to_the_step() -> None:
    first, end = date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal()

    found = list(MonthDays(ALL, numbered(31), 3, 2025 * 12 + 1).short_months(first, end))

    assert found == [(2026 * 12 + 1, ("day 31",)), (2026 * 12 + 10, ("day 31",))]


def test_a_copy_is_equal() -> None:
    days = MonthDays([1, 2], numbered(31), 2, MARCH)
    days.at_or_after(FIRST)

    assert copy.deepcopy(days) == pickle.loads(pickle.dumps(days)) == days  # noqa: S301
    assert hash(copy.deepcopy(days)) == hash(days)
    assert days != MonthDays([1, 2], numbered(31), 2, MARCH + 1)
    assert repr(days).startswith("MonthDays(")
