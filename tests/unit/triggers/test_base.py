"""Bounds around a rule: what every kind of trigger shares, shown with a small one."""

import copy
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Self

import pytest

from jobsched.clock import SECOND, from_us, to_us
from jobsched.model import Dst
from jobsched.triggers.base import NOTHING, Stretch, Trigger
from jobsched.triggers.days import EveryDay, MonthDays
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.fields import LAST_US, Fields
from jobsched.triggers.monthdays import MonthRule
from jobsched.triggers.series import Series
from jobsched.triggers.timeline import timeline
from jobsched.triggers.wall import Wall

DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily(Trigger):
    """Every day at *hour*, or only on the *day* of each month."""

    kind: ClassVar[str] = "daily"

    hour: int
    day: int | None = None

    @classmethod
    def read(cls, fields: Fields, timezone: str, created_us: int | None) -> Self | None:
        raise AssertionError

    def rule(self) -> Series:
        rule = MonthRule(days=frozenset({self.day} if self.day else ()))
        days = MonthDays(range(1, 13), rule) if self.day else EveryDay()
        times = DayTimes([self.hour], [30], [0])
        return Wall(timeline(self.timezone), days, times, dst=self.dst)

    def rule_json(self) -> dict[str, object]:
        return {"daily": self.hour}

    def words(self) -> str:
        return f"Every day at {self.hour}:30"


def us(*parts: int) -> int:
    return to_us(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]


START = us(2026, 3, 27, 1, 30)  # 02:30 in Berlin
BERLIN = "Europe/Berlin"


@pytest.fixture
def bounded() -> Trigger:
    """From the start, the start included, four times: the third in a gap."""
    return Daily(hour=2, timezone=BERLIN, start_us=START, count=4)


FOUR = [START, START + DAY, us(2026, 3, 29, 1), us(2026, 3, 30, 0, 30)]


def test_moments_begin_with_the_start_and_end_with_the_count(bounded: Trigger) -> None:
    assert list(bounded.moments(0)) == FOUR
    assert list(bounded.moments(START, FOUR[2])) == FOUR[1:3]
    assert [bounded.next_after(moment) for moment in [0, *FOUR]] == [*FOUR, None]


def test_the_end_includes_its_own_instant() -> None:
    trigger = Daily(hour=2, timezone=BERLIN, start_us=START, end_us=FOUR[1])
    shorter = Daily(hour=2, timezone=BERLIN, start_us=START, end_us=FOUR[1] - 1)

    assert list(trigger.moments(0)) == FOUR[:2]
    assert list(shorter.moments(0)) == FOUR[:1]


def test_a_count_begins_after_creation() -> None:
    trigger = Daily(hour=2, timezone=BERLIN, since_us=START, count=2)

    assert list(trigger.moments(0)) == FOUR[1:3]


def test_a_count_that_no_calendar_holds_sets_no_end() -> None:
    trigger = Daily(hour=2, timezone=BERLIN, start_us=START, count=2**53)

    assert trigger.last_us == LAST_US


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        (0, LAST_US, Stretch(4, FOUR[0], FOUR[3])),
        (FOUR[0] + 1, FOUR[3], Stretch(2, FOUR[1], FOUR[2])),
        (-LAST_US, FOUR[0] + 1, Stretch(1, FOUR[0], FOUR[0])),
        (0, FOUR[0], NOTHING),
        (FOUR[3] + 1, LAST_US, NOTHING),
        (FOUR[2], FOUR[1], NOTHING),
    ],
)
def test_moments_between_two_instants_are_counted(
    bounded: Trigger, first: int, end: int, found: Stretch
) -> None:
    assert bounded.count_between(first, end) == found


def test_the_newest_come_last_and_in_order(bounded: Trigger) -> None:
    assert bounded.newest_between(0, LAST_US, 2) == FOUR[2:]
    assert bounded.newest_between(0, FOUR[1], 9) == FOUR[:1]


def test_omissions_keep_to_the_bounds() -> None:
    trigger = Daily(hour=2, timezone=BERLIN, dst=Dst.SKIP, start_us=START, end_us=us(2027, 1, 1))

    assert [each.date for each in trigger.omissions(0, LAST_US)] == ["2026-03-29"]
    assert not list(trigger.omissions(FOUR[2] + 1, LAST_US))
    assert not list(trigger.omissions(0, FOUR[2]))
    assert trigger.may_omit


def test_empty_months_keep_to_the_bounds() -> None:
    trigger = Daily(hour=2, day=31, timezone=BERLIN, start_us=START, end_us=us(2026, 7, 1))

    assert [each.month for each in trigger.empty_months(0, LAST_US)] == ["2026-04", "2026-06"]
    assert not list(trigger.empty_months(us(2026, 8, 1), LAST_US))


def test_an_ordinary_trigger_omits_nothing_and_warns_of_nothing(bounded: Trigger) -> None:
    assert not bounded.may_omit
    assert bounded.warnings() == []
    assert bounded.note(FOUR[0]) is None
    assert (bounded.note(FOUR[2]) or "").endswith("runs at 03:00")


def test_apscheduler_gets_the_moment_after_the_last(bounded: Trigger) -> None:
    now = from_us(START)

    assert bounded.get_next_fire_time(None, now) == from_us(FOUR[1])
    assert bounded.get_next_fire_time(from_us(FOUR[1]), now) == from_us(FOUR[2])
    assert bounded.get_next_fire_time(from_us(FOUR[3]), now) is None


def test_a_copy_goes_on_as_a_stock_store_needs_it(bounded: Trigger) -> None:
    for again in (copy.deepcopy(bounded), pickle.loads(pickle.dumps(bounded))):  # noqa: S301
        assert again == bounded
        assert list(again.moments(0)) == FOUR


def test_what_is_stored_holds_the_creation_that_counts() -> None:
    trigger = Daily(hour=2, timezone=BERLIN, dst=Dst.BOTH, since_us=START, count=2)

    assert trigger.to_json() == {"daily": 2, "timezone": BERLIN, "dst": "both", "count": 2}
    assert trigger.stored() == trigger.to_json() | {"since": "2026-03-27T01:30:00Z"}
