"""When a web job goes on: Kudu's own vectors (ScheduleFacts), and what its files spell."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jobsched import clock
from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.model import OccurrenceOutcome
from jobsched.triggers import Trigger
from jobsched.webjobs import schedule

ZONE = "America/Los_Angeles"  # where Kudu's tests of clock changes hold
NEW_YEAR = "2015-01-01 00:00:00"
SOON = timedelta(0)


def us(text: str) -> int:
    return clock.to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)))


def cron(expression: str, now: str = NEW_YEAR) -> Trigger:
    keys = {"cron": {"expression": expression, "dialect": "ncrontab"}}
    trigger = schedule.read(keys, us(now) - 400 * 86_400 * SECOND, ZONE)
    assert trigger is not None
    return trigger


@pytest.mark.parametrize(
    ("expression", "latest", "wait", "ignore_missed"),
    [
        ("10 * * * * *", "2015-01-01 00:00:00", timedelta(seconds=10), False),
        ("0 1 * * * *", "2015-01-01 00:00:00", timedelta(minutes=1), False),
        ("5 1 * * * *", "2015-01-01 00:00:00", timedelta(minutes=1, seconds=5), False),
        ("0 0 2 * * *", "2015-01-01 00:00:00", timedelta(hours=2), False),
        ("* * * 3 * *", "2015-01-01 00:00:00", timedelta(days=2), False),
        ("* * * * 2 *", "2015-01-01 00:00:00", timedelta(days=31), False),
        ("* * * * 3 *", "2015-01-01 00:00:00", timedelta(days=59), False),
        ("* * * * 4 *", "2015-01-01 00:00:00", timedelta(days=89, hours=23), False),
        ("10 * * * * *", "2014-01-01 00:00:00", timedelta(seconds=10), False),
        ("0 */5 * * * *", "2014-12-31 23:00:00", timedelta(minutes=5), False),
        ("0 */2 * * * *", "2014-12-31 23:57:00", SOON, False),
        ("0 */2 * * * *", "2014-12-31 23:49:00", SOON, False),
        ("0 */2 * * * *", "2014-12-31 23:47:00", timedelta(minutes=2), False),
        ("0 */2 * * * *", "2014-12-31 23:47:00", SOON, True),
        ("10 * * * * *", "2015-01-01 00:00:00", timedelta(seconds=10), True),
    ],
)
def test_ScheduleProvidesNextIntervalCorrectly(
    expression: str, latest: str, wait: timedelta, ignore_missed: bool
) -> None:
    grace = None if ignore_missed else schedule.LATEST

    fresh = schedule.anew(cron(expression), us(latest), us(NEW_YEAR), grace)

    assert fresh.next_us is not None
    assert max(SOON, timedelta(microseconds=fresh.next_us - us(NEW_YEAR))) == wait


def test_GetNextInterval_NextAfterDST_ReturnsExpectedValue() -> None:
    now = "2018-03-09 18:00:00"

    fresh = schedule.anew(cron("0 0 18 * * 5", now), us(now), us(now), None)

    assert fresh.next_us == us(now) + 167 * 3600 * SECOND


def test_GetNextInterval_NextWithinDST_ReturnsExpectedValue() -> None:
    now = "2018-03-11 01:59:00"

    fresh = schedule.anew(cron("0 59 * * * *", now), us(now), us(now), None)

    assert fresh.next_us == us(now) + 3600 * SECOND


def test_what_was_missed_is_told_as_one_stretch() -> None:
    fresh = schedule.anew(cron("0 */2 * * * *"), us("2014-12-31 23:47:00"), us(NEW_YEAR), 600)

    (entry,) = fresh.entries
    assert (entry.outcome, entry.count) == (OccurrenceOutcome.MISSED, 7)
    assert (entry.due_us, entry.last_us) == (us("2014-12-31 23:48:00"), us(NEW_YEAR))
    assert entry.reason == "more than 600 s late"


def test_of_several_late_moments_the_newest_runs_and_the_others_are_coalesced() -> None:
    fresh = schedule.anew(cron("0 */2 * * * *"), us("2014-12-31 23:53:00"), us(NEW_YEAR), 600)

    (entry,) = fresh.entries
    assert fresh.next_us == us(NEW_YEAR)
    assert (entry.outcome, entry.count) == (OccurrenceOutcome.COALESCED, 3)


def test_a_moment_ahead_leaves_no_trace_in_the_ledger() -> None:
    fresh = schedule.anew(cron("10 * * * * *"), us(NEW_YEAR), us(NEW_YEAR), 600)

    assert fresh.entries == ()


def test_a_job_that_never_ran_begins_now() -> None:
    fresh = schedule.anew(cron("0 */2 * * * *"), None, us(NEW_YEAR), 600)

    assert fresh == schedule.Fresh(next_us=us("2015-01-01 00:02:00"))


def test_five_fields_mean_second_zero() -> None:
    assert cron("*/5 * * * *").next_after(us(NEW_YEAR)) == us("2015-01-01 00:05:00")


@pytest.mark.parametrize(
    ("expression", "rule", "says"),
    [
        ("* * * *", "length", "schedule has 4 fields"),
        ("0 0 7 * * 7", "range", "field 6 (weekday)"),
        ("0 0 0 30 2 *", "never", "schedule can never fire"),
        ("soon", "length", "schedule has 1 field"),
    ],
)
def test_a_bad_schedule_is_refused_under_the_name_that_its_author_knows(
    expression: str, rule: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        cron(expression)

    (error,) = refusal.value.errors
    assert (error.field, error.rule) == ("schedule", rule)
    assert says in error.message


def test_the_zone_of_the_job_wins_over_the_usual_one() -> None:
    keys = {
        "cron": {"expression": "0 0 9 * * *", "dialect": "ncrontab"},
        "timezone": "Europe/Berlin",
    }

    trigger = schedule.read(keys, us(NEW_YEAR), ZONE)

    assert trigger is not None
    assert trigger.timezone == "Europe/Berlin"


@pytest.mark.parametrize("key", ["startTime", "calendars", "jitter", "dst"])
def test_what_belongs_to_a_schedule_needs_one(key: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        schedule.read({key: "x"}, us(NEW_YEAR), ZONE)

    assert [(each.field, each.rule) for each in refusal.value.errors] == [(key, "required")]


def test_a_time_zone_alone_is_no_schedule() -> None:
    assert schedule.read({"timezone": "Europe/Berlin"}, us(NEW_YEAR), ZONE) is None


def test_publish_settings_are_a_recurrence() -> None:
    values = {
        "$schema": "http://schemastore.org/schemas/json/webjob-publish-settings.json",
        "webJobName": "backup",
        "startTime": "2014-06-23T00:00:00-08:00",
        "endTime": "2014-06-27T00:00:00-08:00",
        "jobRecurrenceFrequency": "Minute",
        "interval": 5,
        "runMode": "Scheduled",
    }

    assert schedule.published(values) == {
        "recurrence": {
            "frequency": "minute",
            "interval": 5,
            "endTime": "2014-06-27T00:00:00-08:00",
        },
        "startTime": "2014-06-23T00:00:00-08:00",
    }


@pytest.mark.parametrize("mode", ["OnDemand", "Continuous", None, 5])
def test_publish_settings_of_another_mode_are_no_schedule(mode: object) -> None:
    assert schedule.published({"runMode": mode, "jobRecurrenceFrequency": "Day"}) == {}
