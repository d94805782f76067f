"""Which days of a month a rule names, and what a short month lacks."""

import calendar
from datetime import date

import pytest

from jobsched.triggers.monthdays import MonthRule

FEBRUARY_2026 = (2026, 2)  # 28 days, Sunday to Saturday


def days(rule: MonthRule, year: int, month: int) -> list[int]:
    bits = rule(*calendar.monthrange(year, month))
    return [day for day in range(64) if bits >> day & 1]


def lacks(rule: MonthRule, year: int, month: int) -> tuple[str, ...]:
    return rule.lacks(*calendar.monthrange(year, month))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (MonthRule(days=frozenset({1, 15, 29})), [1, 15]),
        (MonthRule(days=frozenset({-1, -28, -29})), [1, 28]),
        (MonthRule(last_workday=True), [27]),
        (MonthRule(weekdays=frozenset({0})), [2, 9, 16, 23]),
        (MonthRule(nth=frozenset({(0, 1), (0, 3)})), [2, 16]),
        (MonthRule(nth=frozenset({(4, -1), (4, -4)})), [6, 27]),
        (MonthRule(nth=frozenset({(4, 5), (4, -5)})), []),
        (MonthRule(days=frozenset({13}), weekdays=frozenset({4})), [6, 13, 20, 27]),
        (MonthRule(days=frozenset({13, 14}), weekdays=frozenset({4}), both=True), [13]),
        (MonthRule(days=frozenset({14}), weekdays=frozenset({4}), both=True), []),
        (MonthRule(weekdays=frozenset({4}), both=True), [6, 13, 20, 27]),
        (MonthRule(days=frozenset({28}), both=True), [28]),
        (MonthRule(both=True), list(range(1, 29))),
        (MonthRule(), []),
    ],
)
def test_a_rule_names_its_days_of_february_2026(rule: MonthRule, found: list[int]) -> None:
    assert days(rule, *FEBRUARY_2026) == found


@pytest.mark.parametrize("year", [2024, 2026, 2027])
@pytest.mark.parametrize("month", range(1, 13))
def test_the_last_workday_and_the_last_friday_are_those_of_the_calendar(
    year: int, month: int
) -> None:
    length = calendar.monthrange(year, month)[1]
    weekday = {day: date(year, month, day).weekday() for day in range(1, length + 1)}

    workday = days(MonthRule(last_workday=True), year, month)
    friday = days(MonthRule(nth=frozenset({(4, -1)})), year, month)

    assert workday == [max(day for day in weekday if weekday[day] < 5)]
    assert friday == [max(day for day in weekday if weekday[day] == 4)]


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (MonthRule(days=frozenset({31, 30})), ("day 30", "day 31")),
        (MonthRule(days=frozenset({-30})), ("day -30",)),
        (MonthRule(nth=frozenset({(0, 5), (0, -5)})), ("fifth Monday",)),
        (MonthRule(days=frozenset({30}), nth=frozenset({(6, 5)})), ("day 30", "fifth Sunday")),
        (MonthRule(days=frozenset({30}), weekdays=frozenset({4}), both=True), ("day 30",)),
        (MonthRule(days=frozenset({1}), nth=frozenset({(0, 5)}), both=True), ("fifth Monday",)),
        (MonthRule(days=frozenset({14}), weekdays=frozenset({4}), both=True), ()),
        (MonthRule(days=frozenset({28, 31})), ()),
        (MonthRule(days=frozenset({31}), last_workday=True), ()),
        (MonthRule(days=frozenset({31}), weekdays=frozenset({4})), ()),
    ],
)
def test_only_what_a_short_month_cannot_have_is_lacking(
    rule: MonthRule, missing: tuple[str, ...]
) -> None:
    assert lacks(rule, *FEBRUARY_2026) == missing
