"""The schedules that Kudu tests its own scheduler with, read in the dialect ncrontab.

Kudu.Core.Test/Jobs/ScheduleFacts.cs: 15 rows, and two over a clock change of Pacific Time. What
is done with a moment in the past is Kudu's rule (Schedule.GetNextInterval), written down in
``wait``; the moments are ours.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jobsched.clock import from_us, to_us
from jobsched.triggers import CronTrigger
from jobsched.triggers.cron import Dialect, read_expression

PACIFIC = ZoneInfo("America/Los_Angeles")
NEW_YEAR = datetime(2015, 1, 1, tzinfo=PACIFIC)
GRACE = timedelta(minutes=10)


def next_after(expression: str, moment: datetime) -> datetime:
    said = read_expression(expression, Dialect.NCRONTAB)
    trigger = CronTrigger(expression=said, timezone=PACIFIC.key)
    found = trigger.next_after(to_us(moment))
    assert found is not None
    return from_us(found)


def wait(expression: str, last: datetime, now: datetime, *, ignore_missed: bool) -> timedelta:
    """Return how long Kudu waits at *now* when the latest run began at *last*."""
    due = next_after(expression, last)
    if due < now and not ignore_missed and now - due > GRACE:
        due = next_after(expression, now)
    return max(timedelta(), due - now.astimezone(due.tzinfo))


@pytest.mark.parametrize(
    ("expression", "last", "expected", "ignore_missed"),
    [
        ("10 * * * * *", (2015, 1, 1), timedelta(seconds=10), False),
        ("0 1 * * * *", (2015, 1, 1), timedelta(minutes=1), False),
        ("5 1 * * * *", (2015, 1, 1), timedelta(seconds=65), False),
        ("0 0 2 * * *", (2015, 1, 1), timedelta(hours=2), False),
        ("* * * 3 * *", (2015, 1, 1), timedelta(days=2), False),
        ("* * * * 2 *", (2015, 1, 1), timedelta(days=31), False),
        ("* * * * 3 *", (2015, 1, 1), timedelta(days=59), False),
        ("* * * * 4 *", (2015, 1, 1), timedelta(days=89, hours=23), False),
        ("10 * * * * *", (2014, 1, 1), timedelta(seconds=10), False),
        ("0 */5 * * * *", (2014, 12, 31, 23), timedelta(minutes=5), False),
        ("0 */2 * * * *", (2014, 12, 31, 23, 57), timedelta(), False),
        ("0 */2 * * * *", (2014, 12, 31, 23, 49), timedelta(), False),
        ("0 */2 * * * *", (2014, 12, 31, 23, 47), timedelta(minutes=2), False),
        ("0 */2 * * * *", (2014, 12, 31, 23, 47), timedelta(), True),
        ("10 * * * * *", (2015, 1, 1), timedelta(seconds=10), True),
    ],
)
def test_schedule_provides_next_interval_correctly(
    expression: str, last: tuple[int, ...], expected: timedelta, ignore_missed: bool
) -> None:
    last_run = datetime(*last, tzinfo=PACIFIC)  # type: ignore[misc,arg-type]

    assert wait(expression, last_run, NEW_YEAR, ignore_missed=ignore_missed) == expected


def test_next_after_dst_returns_expected_value() -> None:
    friday = datetime(2018, 3, 9, 18, tzinfo=PACIFIC)

    assert wait("0 0 18 * * 5", friday, friday, ignore_missed=True) == timedelta(hours=167)


def test_next_within_dst_returns_expected_value() -> None:
    just_before = datetime(2018, 3, 11, 1, 59, tzinfo=PACIFIC)

    expected = timedelta(hours=1)
    assert wait("0 59 * * * *", just_before, just_before, ignore_missed=True) == expected
