"""What takes the last moment from a trigger is what its refusal names."""

from collections.abc import Mapping

import pytest

from jobsched.calendars import Calendar
from jobsched.calendars.base import WHOLE_DAY
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Weekly
from jobsched.errors import InvalidInput
from jobsched.triggers import describe, parse
from tests.unit.triggers.recurrences import NOW

END = "2026-11-22T00:00:00Z"
NEVER_BEFORE_END = "This trigger can never fire before its end."


def sentence(said: Mapping[str, object], calendars: Mapping[str, Calendar] | None = None) -> str:
    """Return field, rule and sentence of the one refusal of *said*."""
    with pytest.raises(InvalidInput) as refusal:
        parse(said, created_us=NOW, calendars=calendars or {})
    [error] = refusal.value.errors
    return f"{error.field} {error.rule}: {error.message}"


@pytest.mark.parametrize(
    "said",
    [
        {"cron": "0 0 * * mon", "end": END},
        {"at": "2036-05-01", "end": END},
        {"cron": "0 9 3 * *", "end": END, "count": 2},
    ],
)
def test_an_end_before_the_first_moment_is_named(said: dict[str, object]) -> None:
    assert sentence(said) == f"end never: {NEVER_BEFORE_END}"


def test_the_end_of_a_recurrence_is_named_where_it_stands() -> None:
    rule = {"frequency": "day", "schedule": {"hours": [9]}}
    start = {"startTime": "2026-11-21T00:00:00Z"}
    end = "2026-11-21T12:00:00Z"

    inside = sentence({"recurrence": {**rule, "endTime": end}, **start})
    beside = sentence({"recurrence": rule, "end": end, **start})

    assert inside == f"recurrence.endTime never: {NEVER_BEFORE_END}"
    assert beside == f"end never: {NEVER_BEFORE_END}"


@pytest.mark.parametrize(
    "rule",
    [
        {"cron": "0 9 * * *"},
        {"interval": {"days": 7}},
        {"recurrence": {"frequency": "day"}},
        {"at": "2026-12-05T09:00:00Z"},
        {"any": [{"cron": "0 9 * * *"}, {"interval": {"hours": 5}}]},
    ],
)
def test_calendars_that_close_everything_are_named(rule: dict[str, object]) -> None:
    always = NamedCalendar("always", (Weekly((WHOLE_DAY,) * 7),))

    words = sentence({**rule, "calendars": ["always"]}, {"always": always})

    assert words == "calendars never: The calendars leave no moment in the next 20 years."


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * *", "cron length: cron has 3 fields, where there must be 5"),
        ("", "cron required: cron is empty."),
        ("60 * * * *", 'cron range: cron: field 1 (minute), "60": minutes go from 0 to 59.'),
        ("@dayly", "cron unknown: @dayly is not known. Did you mean @daily?"),
        ("\u2013 * * * *", "cron characters: cron: character 1 (U+2013) is not a printable"),
    ],
)
def test_a_refused_expression_is_a_sentence_with_one_subject(cron: str, words: str) -> None:
    assert sentence({"cron": cron}).startswith(words)


def test_a_time_that_is_sound_but_out_of_range_is_not_called_unsound() -> None:
    words = sentence({"at": "9999-12-31T23:59:59Z"})

    assert words == "at range: at must lie between 0001-01-02 and 9999-12-30."


def test_an_end_is_told_by_the_clocks_of_the_zone() -> None:
    said = {"cron": "0 9 * * *", "end": "2036-05-01T09:00:00", "timezone": "Europe/Berlin"}

    assert describe(parse(said, created_us=NOW)) == "Every day at 09:00, until 2036-05-01 09:00"
