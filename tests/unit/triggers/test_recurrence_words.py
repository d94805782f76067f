"""How a recurrence is told."""

import pytest

from jobsched.triggers import describe
from tests.unit.triggers.recurrences import made, recurrence


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"frequency": "week", "interval": 2, "schedule": {"weekDays": ["fri", "mon"]}},
            "Every 2 weeks on Monday and Friday at 09:00, from 2026-12-21 09:00",
        ),
        ({"frequency": "month"}, "Every month on day 21 at 09:00, from 2026-12-21"),
        ({"frequency": "minute"}, "Every minute, from 2026-12-21 09:00"),
        (
            {"frequency": "hour", "interval": 2, "schedule": {"minutes": [0, 30]}, "count": 4},
            "Every 2 hours at minutes 0 and 30, from 2026-12-21 09:00, 4 times",
        ),
        (
            {"frequency": "minute", "interval": 7, "schedule": {"minutes": 0, "hours": [9, 10]}},
            "Every 7 minutes, only at minute 0, only from 09:00 to 10:59, from 2026-12-21 09:00",
        ),
        (
            {"frequency": "day", "schedule": {"minutes": [0, 1, 2, 30]}},
            "Every day at minutes 0 to 2 and 30 of every hour, from 2026-12-21 09:00",
        ),
        (
            {"frequency": "day", "schedule": {"minutes": [0, 30], "hours": [8, 9, 10, 17]}},
            (
                "Every day at minutes 0 and 30 of 08:00 to 10:59 and 17:00 to 17:59,"
                " from 2026-12-21 09:00"
            ),
        ),
        (
            {"frequency": "month", "schedule": {"monthDays": [1, 31, -1, -2, -12]}},
            (
                "Every month on day 1, day 31, the 12th day from the end,"
                " the second day from the end and the last day at 09:00, from 2026-12-21 09:00"
            ),
        ),
        (
            {
                "frequency": "month",
                "interval": 18,
                "schedule": {
                    "monthDays": 1,
                    "monthlyOccurrences": [
                        {"day": "monday", "occurrence": 3},
                        {"day": "monday", "occurrence": 1},
                        {"day": "friday", "occurrence": -2},
                        {"day": "sunday"},
                    ],
                },
            },
            (
                "Every 18 months on day 1, the first and third Monday,"
                " the second Friday from the end and every Sunday at 09:00, from 2026-12-21 09:00"
            ),
        ),
    ],
)
def test_a_recurrence_is_told_in_plain_english(said: dict[str, object], words: str) -> None:
    trigger = made(recurrence(**said, startTime="2026-12-21T09:00:00"))

    assert describe(trigger) == words


def test_what_begins_at_once_is_told_so() -> None:
    daily = made(recurrence(frequency="day", interval=2))

    assert describe(daily) == "At once, then every 2 days at 10:00, counted from 2026-11-21"
    assert describe(made(recurrence(frequency="hour"))) == "At once, then every hour"
