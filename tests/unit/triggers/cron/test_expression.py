"""Five or six fields made into days and times; what cannot be read at all."""

import pytest

from jobsched.triggers.cron.dialects import Dialect
from jobsched.triggers.cron.expression import LONGEST, BadExpression, read_expression
from jobsched.triggers.days import EveryDay, MonthDays
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.monthdays import MonthRule

UNIX, NCRONTAB = Dialect.UNIX, Dialect.NCRONTAB


def refusal(text: str, dialect: Dialect = UNIX) -> tuple[str, str]:
    """Return rule and message of the only refusal."""
    with pytest.raises(BadExpression) as error:
        read_expression(text, dialect)
    [only] = error.value.refusals
    return only


def test_five_fields_mean_second_0_in_both_dialects() -> None:
    for dialect in Dialect:
        assert read_expression("30 2 * * *", dialect).times == DayTimes([2], [30], [0])


def test_six_fields_begin_with_the_seconds() -> None:
    for dialect in Dialect:
        assert read_expression("15 30 2 * * *", dialect).times == DayTimes([2], [30], [15])


@pytest.mark.parametrize(
    ("nickname", "fields"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@HOURLY", "0 * * * *"),
    ],
)
def test_a_nickname_stands_for_its_fields(nickname: str, fields: str) -> None:
    named, spelt = read_expression(nickname), read_expression(fields)

    assert (named.times, named.days, named.fixed) == (spelt.times, spelt.days, spelt.fixed)
    assert named.text == nickname.lower()


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("30 2 * * *", True),
        ("0-59 0-23 * * *", True),
        ("0/5 9 * * *", True),
        ("@daily", True),
        ("* 2 * * *", False),
        ("*/60 2 * * *", False),
        ("0 * * * *", False),
        ("*/30 0 2 * * *", False),
        ("@hourly", False),
    ],
)
def test_times_are_fixed_when_no_field_of_time_begins_with_a_star(text: str, fixed: bool) -> None:
    assert read_expression(text).fixed is fixed


def test_days_and_weekdays_are_either_in_unix_when_both_are_restricted() -> None:
    said = read_expression("0 0 13 * fri")

    assert said.either
    assert said.days == MonthDays(
        range(1, 13), MonthRule(days=frozenset({13}), weekdays=frozenset({4}))
    )


@pytest.mark.parametrize(
    ("text", "dialect"), [("0 0 1-31/2 * fri", NCRONTAB), ("0 0 */2 * fri", UNIX)]
)
def test_days_and_weekdays_must_agree_in_ncrontab_and_beside_a_star(
    text: str, dialect: Dialect
) -> None:
    said = read_expression(text, dialect)

    odd = frozenset(range(1, 32, 2))
    assert said.month_rule == MonthRule(days=odd, weekdays=frozenset({4}), both=True)


@pytest.mark.parametrize(
    "text", ["0 0 * * *", "0 0 * * 0-6", "0 0 1-31 * fri", "0 0 13 * 1-7", "0 0 */1 1-12 */1"]
)
def test_what_leaves_nothing_out_is_every_day(text: str) -> None:
    assert read_expression(text).days == EveryDay()


def test_the_text_is_kept_with_single_spaces() -> None:
    assert read_expression("  0\t9  * * MON-fri ").text == "0 9 * * MON-fri"


def test_all_mistakes_of_all_fields_are_told_at_once() -> None:
    with pytest.raises(BadExpression) as error:
        read_expression("60 24 32 13 8")

    assert [message[:20] for _, message in error.value.refusals] == [
        "Field 1 (minute), \"6", "Field 2 (hour), \"24\"", "Field 3 (day), \"32\":",
        "Field 4 (month), \"13", "Field 5 (weekday), \"",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("", "required", "It is empty."),
        (" \t ", "required", "It is empty."),
        ("*", "length", "It has 1 field, where there must be 5 (minute hour day month weekday)"),
        ("* * *", "length", "It has 3 fields, where there must be 5"),
        ("0 0 0 * * * 2026", "length", "It has 7 fields, where there must be 5"),
        ("0 0 0 ? * MON 2026", "length", "Quartz's year and ? are not known here"),
        ("x" * (LONGEST + 1), "length", "It has 257 characters; 256 is the most."),
        pytest.param(
            "1," * 200_000 + "1 * * * *", "length", "It has 400009 characters", id="200,000 items"
        ),
        (
            "\uff11 * * * *",
            "characters",
            "Character 1 (U+FF11) is not a printable ASCII character.",
        ),
        ("0 9 * *\x00*", "characters", "Character 8 (U+0000) is not a printable ASCII character."),
        ("0 9 * * *\n", "characters", "Character 10 (U+000A) is not a printable ASCII character."),
        ("0\u00a09 * * *", "characters", "Character 2 (U+00A0)"),
        ("@reboot", "unknown", "@reboot is no time"),
        ("@dayly", "unknown", "@dayly is not known. Did you mean @daily?"),
        ("@x", "unknown", "@x is not known. There are @yearly, "),
        ("@daily 5", "unknown", "@daily 5 is not known. Did you mean @daily?"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(
    text: str, rule: str, message: str
) -> None:
    broken, said = refusal(text)

    assert broken == rule
    assert message in said


def test_ncrontab_has_no_nicknames_and_asks_for_six_fields() -> None:
    assert refusal("@daily", NCRONTAB) == (
        "unknown", "Names such as @daily belong to the dialect unix.",
    )  # fmt: skip
    assert "must be 6 (second minute hour day month weekday)" in refusal("* *", NCRONTAB)[1]
