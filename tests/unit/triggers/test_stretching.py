"""How intervals go on after the clock fell back, with a count and with calendars."""

from dataclasses import dataclass
from datetime import date

from jobsched.calendars import Window
from jobsched.clock import SECOND
from jobsched.triggers import parse, restore
from tests.unit.triggers.recurrences import NOW, instant

HOUR = 3600 * SECOND


@dataclass(frozen=True)
class ClosedUntilTen:
    """A calendar that closes every day until ten o'clock."""

    name: str = "mornings"

    def closed(self, day: int) -> tuple[Window, ...]:
        return ((0, 36_000),) if day >= date(2026, 1, 1).toordinal() else ()

    def reason(self, day: int, second: int) -> str:
        return f"morning of day {day}, at {second}"


def test_the_steps_that_are_repeated_are_added_to_the_count() -> None:
    trigger = parse({"interval": {"hours": 1}, "count": 5}, created_us=NOW)

    after = trigger.stretched_back(NOW + 4 * HOUR, NOW + 3 * HOUR, NOW - 2 * HOUR)

    assert after.count == 8
    assert after.last_us == trigger.last_us - 1


def test_steps_that_calendars_close_take_nothing_from_the_count() -> None:
    calendars = {"mornings": ClosedUntilTen()}
    trigger = parse(
        {"interval": {"hours": 1}, "count": 5, "calendars": ["mornings"]},
        created_us=NOW,
        calendars=calendars,
    )

    after = trigger.stretched_back(NOW + 4 * HOUR, NOW + 3 * HOUR, NOW - 2 * HOUR)

    assert after.calendars == trigger.calendars
    assert list(after.moments(0))[-1] == list(trigger.moments(0))[-1] - 1
    assert restore(after.stored(), calendars) == after


def test_an_interval_leaves_out_what_its_calendars_close() -> None:
    trigger = parse(
        {"interval": {"hours": 6}, "start": "2026-11-22T00:00:00Z", "calendars": ["mornings"]},
        created_us=NOW,
        calendars={"mornings": ClosedUntilTen()},
    )

    found = list(trigger.moments(NOW, instant("2026-11-23T12:00")))

    assert found == [
        instant("2026-11-22T12:00"), instant("2026-11-22T18:00"), instant("2026-11-23T12:00"),
    ]  # fmt: skip
