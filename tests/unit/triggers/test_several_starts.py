"""The start that several triggers share, at a local time that the clocks leap over."""

from jobsched.triggers import parse, restore
from tests.unit.triggers.recurrences import NOW, shown


def test_a_shared_start_in_a_gap_is_that_time_of_day_on_other_days() -> None:
    daily = {"recurrence": {"frequency": "day"}}
    said = {"timezone": "Europe/Berlin"}
    alone = {**daily, "startTime": "2027-03-28T02:30:00", **said}
    shared = {"any": [daily], "start": "2027-03-28T02:30:00", **said}

    trigger = parse(shared, created_us=NOW)

    assert shown(shared) == shown(alone)
    assert shown(shared, 2) == ["03-28 03:00", "03-29 02:30"]
    assert trigger.to_json() == {
        "any": [{"recurrence": {"frequency": "day", "interval": 1}}],
        "start": "2027-03-28T02:30:00",
        **said,
    }
    assert restore(trigger.stored()) == trigger


def test_a_shared_start_in_a_gap_is_its_instant_in_other_zones() -> None:
    inner = [
        {"recurrence": {"frequency": "day"}, "timezone": "Asia/Tokyo"},
        {"recurrence": {"frequency": "day"}, "startTime": "2027-03-28T01:00:00Z"},
        {"recurrence": {"frequency": "hour", "interval": 12}},
        {"cron": "0 9 * * *"},
    ]
    said = {"any": inner, "start": "2027-03-28T02:30:00", "timezone": "Europe/Berlin"}

    trigger = parse(said, created_us=NOW)

    assert shown(said, 6) == [
        "03-28 03:00", "03-28 09:00", "03-28 15:00", "03-29 03:00", "03-29 09:00", "03-29 15:00",
    ]  # fmt: skip
    assert restore(trigger.to_json()) == trigger
