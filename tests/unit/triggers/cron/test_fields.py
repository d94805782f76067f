"""What one field of a cron expression may hold, and what is said of what it may not."""

import pytest

from jobsched.triggers.cron.dialects import GRAMMARS, Dialect
from jobsched.triggers.cron.fields import FieldValues, Refusal, read_field

PLACES = ("second", "minute", "hour", "day", "month", "weekday")
UNIX, NCRONTAB = Dialect.UNIX, Dialect.NCRONTAB


def field(name: str, text: str, dialect: Dialect = UNIX) -> tuple[FieldValues, list[Refusal]]:
    place = PLACES.index(name)
    return read_field(text, GRAMMARS[dialect].kinds[place], place + 1)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("minute", "5", {5}),
        ("minute", "05", {5}),
        ("minute", "*", set(range(60))),
        ("minute", "*/20", {0, 20, 40}),
        ("minute", "*/60", {0}),
        ("minute", "7/20", {7, 27, 47}),
        ("minute", "10-20/5", {10, 15, 20}),
        ("minute", "10-14,12-16,50", {10, 11, 12, 13, 14, 15, 16, 50}),
        ("second", "59", {59}),
        ("hour", "20/2", {20, 22}),
        ("hour", "*/24", {0}),
        ("hour", "23-23", {23}),
        ("day", "1,15,31", {1, 15, 31}),
        ("day", "25/3", {25, 28, 31}),
        ("month", "jan", {1}),
        ("month", "OCT-Dec", {10, 11, 12}),
        ("month", "10/1", {10, 11, 12}),
        ("weekday", "0", {0}),
        ("weekday", "MON-fri", {1, 2, 3, 4, 5}),
        ("weekday", "Sun,wEd", {0, 3}),
        ("weekday", "sun-tue", {0, 1, 2}),
        ("weekday", "*/2", {0, 2, 4, 6}),
    ],
)
def test_numbers_names_lists_ranges_and_steps(
    dialect: Dialect, name: str, text: str, values: set[int]
) -> None:
    said, refusals = field(name, text, dialect)

    assert refusals == []
    assert said == FieldValues(values=frozenset(values), starred=text.startswith("*"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", {0}),
        ("5-7", {5, 6, 0}),
        ("fri-7", {5, 6, 0}),
        ("0-7", {0, 1, 2, 3, 4, 5, 6}),
        ("6-7/1", {6, 0}),
        ("1/2", {1, 3, 5, 0}),
        ("*/7", {0}),
    ],
)
def test_sunday_is_0_and_7_in_unix(text: str, values: set[int]) -> None:
    said, refusals = field("weekday", text)

    assert refusals == []
    assert said.values == values


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("day", "L", FieldValues(values=frozenset(), last_day=True)),
        ("day", "lw", FieldValues(values=frozenset(), last_workday=True)),
        ("day", "1,L,LW", FieldValues(values=frozenset({1}), last_day=True, last_workday=True)),
        ("weekday", "5L", FieldValues(values=frozenset(), nth=frozenset({(5, -1)}))),
        ("weekday", "friL", FieldValues(values=frozenset(), nth=frozenset({(5, -1)}))),
        ("weekday", "7L", FieldValues(values=frozenset(), nth=frozenset({(0, -1)}))),
        ("weekday", "mon#2", FieldValues(values=frozenset(), nth=frozenset({(1, 2)}))),
        ("weekday", "7#5", FieldValues(values=frozenset(), nth=frozenset({(0, 5)}))),
        ("weekday", "3,1#1", FieldValues(values=frozenset({3}), nth=frozenset({(1, 1)}))),
    ],
)
def test_days_that_the_month_decides(name: str, text: str, said: FieldValues) -> None:
    assert field(name, text) == (said, [])


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("month", "January", 1),
        ("month", "Sept", 9),
        ("month", "ju", 6),
        ("month", "M", 3),
        ("weekday", "Friday", 5),
        ("weekday", "thu", 4),
        ("weekday", "t", 2),
    ],
)
def test_ncrontab_takes_the_beginning_of_a_name(name: str, text: str, number: int) -> None:
    said, refusals = field(name, text, NCRONTAB)

    assert refusals == []
    assert said.values == {number}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("name", "text", "rule", "reason"),
    [
        ("minute", "60", "range", "minutes go from 0 to 59."),
        ("second", "60", "range", "seconds go from 0 to 59."),
        ("hour", "24", "range", "hours go from 0 to 23."),
        ("day", "0", "range", "days go from 1 to 31."),
        ("month", "13", "range", "months go from 1 to 12."),
        ("minute", "9" * 200, "range", "minutes go from 0 to 59."),
        ("minute", "*/0", "range", "the step after / must be from 1 to 60."),
        ("minute", "*/61", "range", "the step after / must be from 1 to 60."),
        ("hour", "*/25", "range", "the step after / must be from 1 to 24."),
        ("weekday", "*/8", "range", "the step after / must be from 1 to 7."),
        ("minute", "1-5/99", "range", "the step after / must be from 1 to 60."),
        ("minute", "*/", "text", "the number after / is missing."),
        ("minute", "*/-5", "text", "after / stands a number of digits alone."),
        ("minute", "*/5/5", "text", "after / stands a number of digits alone."),
        ("minute", "+5", "text", "minutes are numbers from 0 to 59."),
        ("minute", "1e3", "text", "minutes are numbers from 0 to 59."),
        ("minute", "1_0", "text", "minutes are numbers from 0 to 59."),
        ("minute", "*-5", "text", "minutes are numbers from 0 to 59."),
        ("minute", "1-2-3", "text", "minutes are numbers from 0 to 59."),
        ("minute", "mon", "text", "minutes are numbers from 0 to 59."),
        ("minute", "-5", "text", "a number is missing."),
        ("minute", "5-", "text", "a number is missing."),
        ("minute", "/5", "text", "a number is missing."),
        ("minute", "1,", "text", "an item of the list is missing."),
        ("hour", "22-2", "order", "the range runs backwards; write 22-23,0-2."),
        ("hour", "23-1", "order", "the range runs backwards; write 23,0-1."),
        ("day", "28-3", "order", "the range runs backwards; write 28-31,1-3."),
        ("month", "nov-feb", "order", "the range runs backwards; write 11-12,1-2."),
        ("weekday", "sat-mon", "order", "the range runs backwards; write 6,0-1."),
        ("month", "sepp", "unknown", "there is no such month. Did you mean sep?"),
        ("month", "xyz", "unknown", "there is no such month."),
        ("day", "?", "text", "? belongs to Quartz; write * here (mind that Sunday is 0, not 1)."),
    ],
)
def test_what_is_no_field_is_refused_with_its_place_and_the_reason(
    dialect: Dialect, name: str, text: str, rule: str, reason: str
) -> None:
    _, refusals = field(name, text, dialect)

    [refusal] = refusals
    assert refusal.rule == rule
    assert refusal.message.startswith(f"Field {PLACES.index(name) + 1} ({name}), ")
    assert refusal.message.endswith(f": {reason}")


@pytest.mark.parametrize(
    ("name", "text", "dialect", "rule", "reason"),
    [
        ("weekday", "8", UNIX, "range", "weekdays go from 0 to 7."),
        ("weekday", "7", NCRONTAB, "range", "weekdays go from 0 to 6. Sunday is 0."),
        ("weekday", "fri-sun", UNIX, "order", "the range runs backwards; write 5-7."),
        ("weekday", "fri-sun", NCRONTAB, "order", "the range runs backwards; write 5-6,0."),
        ("weekday", "monday", UNIX, "unknown", "there is no such weekday. Did you mean mon?"),
        ("weekday", "mon#6", UNIX, "range", "after # stands which one of the month, 1 to 5;"),
        ("weekday", "mon#", UNIX, "range", "after # stands which one of the month, 1 to 5;"),
        ("weekday", "8#1", UNIX, "range", "weekdays go from 0 to 7."),
        ("weekday", "L", UNIX, "text", "of the special weekdays there are 5L"),
        ("day", "L-3", UNIX, "text", "of the special days there are L"),
        ("day", "15W", UNIX, "text", "of the special days there are L"),
        ("day", "L", NCRONTAB, "text", "L and W belong to the dialect unix."),
        ("weekday", "5L", NCRONTAB, "text", "L and W belong to the dialect unix."),
        ("weekday", "5#2", NCRONTAB, "text", "weekdays are numbers from 0 to 6."),
    ],
)
def test_what_belongs_to_another_dialect_is_refused(
    name: str, text: str, dialect: Dialect, rule: str, reason: str
) -> None:
    _, refusals = field(name, text, dialect)

    [refusal] = refusals
    assert refusal.rule == rule
    assert f'"{text}": {reason}' in refusal.message


def test_all_mistakes_of_a_list_are_told() -> None:
    _, refusals = field("hour", "1,24,x,5-3")

    assert [refusal.rule for refusal in refusals] == ["range", "text", "order"]


def test_a_long_mistake_is_not_repeated_in_full() -> None:
    _, [refusal] = field("hour", "x" * 200)

    assert len(refusal.message) < 100
