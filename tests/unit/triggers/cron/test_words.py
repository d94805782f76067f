"""A cron expression in plain English: readable, and never the same for different moments."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.triggers.cron.dialects import Dialect
from jobsched.triggers.cron.expression import Expression, read_expression
from jobsched.triggers.cron.words import tell
from jobsched.triggers.monthdays import MonthRule

UNIX, NCRONTAB = Dialect.UNIX, Dialect.NCRONTAB
SECONDS = ("0", "*", "*/10", "*/60", "30", "0-59", "0/10", "7,9")
MINUTES = (
    "0", "*", "*/5", "*/7", "*/40", "*/60", "5", "0-59", "0/5", "5,35", "10-20", "3/5", "0,30",
)  # fmt: skip
HOURS = ("0", "*", "*/2", "*/5", "*/24", "9", "0-23", "9-17", "9/2", "0,12", "*/12", "22,23")
DAYS = (
    "*", "1", "31", "L", "LW", "1,L", "L,LW", "13", "1-7", "*/2", "1/2", "1-31", "1-30", "5,15,LW",
    "25/3",
)  # fmt: skip
MONTHS = ("*", "1", "2", "1,3", "3-5", "1-12", "*/3", "3-5,9")
WEEKDAYS = (
    "*", "0", "7", "1-5", "5-7", "mon,wed", "*/2", "0-6", "5L", "fri#2", "1#1,1#3", "fri,fri#2",
    "mon,5L", "tue-thu,6",
)  # fmt: skip


def moments(said: Expression) -> Hashable:
    """Return all that decides the moments of an expression."""
    return said.times, said.fixed, said.months, days(said.month_rule)


@cache
def days(rule: MonthRule) -> tuple[int, ...]:
    """Return the days that a rule names in every shape of a month."""
    return tuple(rule(*shape) for shape in product(range(7), (28, 29, 30, 31)))


def ambiguous(expressions: Iterable[Expression]) -> list[str]:
    """Return the words that stand for more than one set of moments."""
    told = defaultdict(set)
    for said in expressions:
        told[tell(said)].add(moments(said))
    return [words for words, meanings in told.items() if len(meanings) > 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("30 2 * * *", "Every day at 02:30"),
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("* * * * * *", "Every second"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("@hourly", "Every hour"),
        ("0 */6 * * *", "Every 6 hours"),
        ("0 9 * * 1-5", "Monday to Friday at 09:00"),
        ("0 9 * * 0", "Every Sunday at 09:00"),
        ("0 9 * * mon,thu", "Every Monday and Thursday at 09:00"),
        ("0 9,17 * * *", "Every day at 09:00 and 17:00"),
        ("30 0 9 * * *", "Every day at 09:00:30"),
        ("0 9-17 * * *", "Every day hourly from 09:00 to 17:00"),
        ("*/15 9-17 * * mon-fri", "Every 15 minutes from 09:00 to 17:45 on Mondays to Fridays"),
        ("30 * * * *", "At minute 30 of every hour"),
        ("*/40 * * * *", "At minutes 0 and 40 of every hour"),
        ("*/7 * * * *", "At every 7th minute from 0 to 56 of every hour"),
        ("*/10 5 * * * *", "Every 10 seconds during minute 5 of every hour"),
        ("* * 9,12 * * *", "Every second during hours 9 and 12"),
        ("30 * * * * *", "At second 30 of every minute"),
        ("5 1-3 9-11 * * *", "Every day at second 5 of minutes 1 to 3 of hours 9 to 11"),
        ("0 0 */24 * * *", "Every day at 00:00, whenever the clock shows it"),
        ("0/30 9-17 * * *", "Every 30 minutes from 09:00 to 17:30, each time once a day"),
        ("@yearly", "On day 1 of January at 00:00"),
        ("@monthly", "On day 1 of the month at 00:00"),
        ("0 0 L * *", "On the last day of the month at 00:00"),
        ("0 0 LW * *", "On the last day from Monday to Friday of the month at 00:00"),
        ("0 0 1-7,L 3 *", "On days 1 to 7 and the last day of March at 00:00"),
        ("0 9 * * 5L", "At 09:00 on the last Friday of the month"),
        ("0 9 * * mon#1,mon#3", "At 09:00 on the first Monday and the third Monday of the month"),
        ("0 9 * * 5L,5#1", "At 09:00 on the first Friday and the last Friday of the month"),
        ("0 0 13 * fri", "On day 13 of the month and on Fridays at 00:00"),
        ("0 0 13 2 fri", "On day 13 of the month and on Fridays at 00:00, in February"),
        (
            "0 0 */2 * fri",
            "On every 2nd day from 1 to 31 of the month at 00:00, if it is a Friday",
        ),
        ("0 0 13 * 0-6", "Every day at 00:00"),
        ("* * 1 1 *", "Every minute on day 1 of January"),
        ("*/5 * * 6-8 *", "Every 5 minutes in June to August"),
        (
            "0 0 * 3 mon,wed#1",
            "On Mondays and on the first Wednesday of the month at 00:00, in March",
        ),
    ],
)
def test_an_expression_is_told_in_words(text: str, words: str) -> None:
    assert tell(read_expression(text)) == words


def test_ncrontab_says_that_both_must_agree() -> None:
    words = tell(read_expression("0 0 0 13 * Fri", NCRONTAB))

    assert words == "On day 13 of the month at 00:00, if it is a Friday"


def test_no_two_kinds_of_times_are_told_alike() -> None:
    texts = product(SECONDS, MINUTES, HOURS)

    assert ambiguous(read_expression(f"{' '.join(text)} * * *") for text in texts) == []


def test_no_two_kinds_of_days_are_told_alike() -> None:
    unix = [
        read_expression(f"{time} {' '.join(text)}")
        for text in product(DAYS, MONTHS, WEEKDAYS)
        for time in ("0 0", "* *")
    ]
    plain = [day for day in DAYS if "L" not in day]
    numbers = [day for day in WEEKDAYS if day.isascii() and not set(day) & set("7L#")]
    ncrontab = [
        read_expression(f"0 0 {' '.join(text)}", NCRONTAB)
        for text in product(plain, MONTHS, numbers)
    ]

    assert ambiguous(unix + ncrontab) == []


def pairs(pool: tuple[str, ...]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(pool), st.sampled_from(pool))


@given(
    st.tuples(*map(pairs, (SECONDS, MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS))),
)
def test_equal_words_mean_equal_moments(fields: tuple[tuple[str, str], ...]) -> None:
    choices = [read_expression(" ".join(parts)) for parts in product(*fields)]

    assert ambiguous(choices) == []


def numbers_to(last: int) -> st.SearchStrategy[list[int]]:
    # An expression has 256 characters at the most.
    return st.lists(st.integers(0, last), min_size=1, max_size=30)


@given(numbers_to(59), numbers_to(23))
def test_lists_of_any_numbers_are_told_apart(minutes: list[int], hours: list[int]) -> None:
    listed = [
        f"{minute} {hour} * * *"
        for minute in (",".join(map(str, minutes)), str(minutes[0]), "*,1", "*/5", "0/5")
        for hour in (",".join(map(str, hours)), str(hours[0]), "*,1", "*/5", "0/5")
    ]

    assert ambiguous(map(read_expression, listed)) == []
