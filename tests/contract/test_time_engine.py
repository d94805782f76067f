"""Local times made into instants, against every minute of several years in many zones.

The oracle (tests/support/wallclock.py) knows only zoneinfo and the rules of spec/preview.md.
"""

import random
import zoneinfo
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise

import pytest

from jobsched.clock import SECOND
from jobsched.model import Dst
from jobsched.triggers.days import Days, EveryDay, MonthDays, Weeks
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.monthdays import MonthRule
from jobsched.triggers.timeline import timeline
from jobsched.triggers.wall import Wall
from tests.support.wallclock import DAY, EPOCH, WallClock

MINUTE = 60 * SECOND
EVERY_MONTH = range(1, 13)
YEARS = [
    ("Europe/Berlin", 2024, 2030),
    ("America/New_York", 2024, 2030),
    ("Australia/Lord_Howe", 2024, 2030),  # by half an hour
    ("Africa/Cairo", 2024, 2030),  # a gap at midnight
    ("America/Havana", 2024, 2030),  # ... and a fold that ends there
    ("Asia/Beirut", 2024, 2030),  # a fold that begins there
    ("Pacific/Apia", 2024, 2030),
    ("UTC", 2024, 2030),
    ("America/St_Johns", 2024, 2030),
    ("Africa/Casablanca", 2024, 2030),  # clocks go back for Ramadan
    ("America/Nuuk", 2024, 2030),  # a gap that ends at midnight
    ("Pacific/Apia", 2010, 2012),  # without 30 December 2011
    ("America/Sao_Paulo", 2016, 2019),
    ("Africa/Cairo", 2010, 2010),  # four changes in a year
    ("America/St_Johns", 2009, 2011),  # gaps and folds at one minute past midnight
    ("Antarctica/Troll", 2024, 2026),  # by two hours
    ("Asia/Gaza", 2038, 2043),
]


@dataclass(frozen=True)
class Rule:
    """A rule as the engine takes it, and as the oracle does."""

    days: Days
    picks: Callable[[date], bool]
    times: DayTimes
    fixed: bool = True

    def minutes(self) -> Iterable[int]:
        return (hour * 60 + minute for hour in self.times.hours for minute in self.times.minutes)


def daily(hours: Iterable[int], minutes: Iterable[int], *, fixed: bool = True) -> Rule:
    return Rule(EveryDay(), lambda day: True, DayTimes(hours, minutes, [0]), fixed)


def at(hour: int, minute: int) -> DayTimes:
    return DayTimes([hour], [minute], [0])


def on_days(*days: int) -> MonthDays:
    return MonthDays(EVERY_MONTH, MonthRule(days=frozenset(days)))


ONCE_A_DAY = {
    f"{hour:02}:{minute:02}": daily([hour], [minute])
    for hour, minute in [(0, 0), (0, 1), (0, 30), (1, 59), (2, 30), (3, 0), (23, 0), (23, 30)]
}
FIXED = ONCE_A_DAY | {
    "0,10,20,30 2": daily([2], [0, 10, 20, 30]),
    "0,30 0-3,23": daily([0, 1, 2, 3, 23], [0, 30]),
    "Sundays 02:30": Rule(Weeks(EPOCH, 1, (6,)), lambda day: day.weekday() == 6, at(2, 30)),
    "Sundays and Fridays 00:15": Rule(
        Weeks(EPOCH, 1, (4, 6)), lambda day: day.weekday() in {4, 6}, at(0, 15)
    ),
    "the 1st": Rule(on_days(1), lambda day: day.day == 1, at(0, 0)),
    "the 30th and 31st": Rule(on_days(30, 31), lambda day: day.day >= 30, at(2, 30)),
    "the last day": Rule(
        on_days(-1), lambda day: date.fromordinal(day.toordinal() + 1).day == 1, at(23, 30)
    ),
    "last Sundays": Rule(
        MonthDays(EVERY_MONTH, MonthRule(nth=frozenset({(6, -1)}))),
        lambda day: day.weekday() == 6 and date.fromordinal(day.toordinal() + 7).month != day.month,
        DayTimes([0, 1, 2, 3, 23], [0, 59], [0]),
    ),
}
LITERAL = {
    "every hour": daily(range(24), [0], fixed=False),
    "*/10 2": daily([2], range(0, 60, 10), fixed=False),
    "*/15 0,23": daily([0, 23], range(0, 60, 15), fixed=False),
    "* 1 on Sundays": Rule(
        Weeks(EPOCH, 1, (6,)),
        lambda day: day.weekday() == 6,
        DayTimes([1], range(60), [0]),
        fixed=False,
    ),
    "30 *": daily(range(24), [30], fixed=False),
}
EVERY_TEN_MINUTES = daily(range(24), range(0, 60, 10), fixed=False)


@lru_cache
def clock(zone: str, first: int, last: int) -> WallClock:
    return WallClock(zone, first, last)


@pytest.fixture(params=YEARS, ids=lambda years: f"{years[0]}-{years[1]}")
def wall_clock(request: pytest.FixtureRequest) -> WallClock:
    return clock(*request.param)


def series(rule: Rule, of: WallClock, dst: Dst = Dst.ONCE) -> Wall:
    return Wall(timeline(of.zone.key), rule.days, rule.times, rule.fixed, dst)


def expected(rule: Rule, of: WallClock, dst: Dst = Dst.ONCE) -> bytes:
    return of.happening(rule.picks, rule.minutes(), fixed=rule.fixed, dst=dst.value)


def listed(wall: Wall, of: WallClock) -> list[int]:
    return list(wall.moments(of.start * MINUTE - 1, of.end * MINUTE - 1))


def as_bytes(moments: list[int], of: WallClock) -> bytes:
    """Return a byte for each minute; every moment must be on one of its own."""
    assert not any(moment % MINUTE for moment in moments)
    assert all(early < late for early, late in pairwise(moments))
    found = bytearray(of.end - of.start)
    for moment in moments:
        found[moment // MINUTE - of.start] = 1
    return bytes(found)


def places(marks: bytes) -> Iterator[int]:
    """Yield where *marks* are 1."""
    place = marks.find(1)
    while place >= 0:
        yield place
        place = marks.find(1, place + 1)


@pytest.mark.parametrize("dst", Dst)
@pytest.mark.parametrize("name", FIXED)
def test_fixed_times_happen_in_just_those_minutes(
    name: str, dst: Dst, wall_clock: WallClock
) -> None:
    rule = FIXED[name]

    found = as_bytes(listed(series(rule, wall_clock, dst), wall_clock), wall_clock)

    assert found == expected(rule, wall_clock, dst)


@pytest.mark.parametrize("name", LITERAL)
def test_literal_times_happen_in_just_those_minutes(name: str, wall_clock: WallClock) -> None:
    rule = LITERAL[name]

    found = as_bytes(listed(series(rule, wall_clock), wall_clock), wall_clock)

    assert found == expected(rule, wall_clock)


@pytest.mark.parametrize("years", [YEARS[0], YEARS[2], YEARS[11]])
def test_every_ten_minutes_happens_in_just_those_minutes(years: tuple[str, int, int]) -> None:
    of = clock(*years)

    found = as_bytes(listed(series(EVERY_TEN_MINUTES, of), of), of)

    assert found == expected(EVERY_TEN_MINUTES, of)


@pytest.mark.parametrize("name", ONCE_A_DAY)
def test_a_fixed_time_happens_exactly_once_on_every_date_that_exists(
    name: str, wall_clock: WallClock
) -> None:
    rule = ONCE_A_DAY[name]
    (time,) = rule.minutes()
    days = wall_clock.dates()

    ran = [
        date_run(moment // MINUTE, time, wall_clock)
        for moment in listed(series(rule, wall_clock), wall_clock)
    ]

    whole = days[1:-1]  # the years end in UTC, and so perhaps in the middle of a local day
    assert [day for day in ran if whole[0] <= day <= whole[-1]] == whole


def date_run(minute: int, time: int, of: WallClock) -> date:
    """Return the date whose *time* happens at *minute*: it shows that time, or ends its gap."""
    stretch = next(each for each in of.stretches if each.start <= minute < each.end)
    local = minute + stretch.offset
    if local % DAY != time:
        (local,) = (leapt for leapt in of.gap_before(minute) if leapt % DAY == time)
    return date.fromordinal(local // DAY + EPOCH)


@pytest.mark.parametrize("dst", Dst)
def test_any_window_counts_and_pages_as_it_lists(dst: Dst, wall_clock: WallClock) -> None:
    draw = random.Random(2024)
    changes = [each.start for each in wall_clock.stretches]
    for rule in [FIXED["0,30 0-3,23"], FIXED["Sundays 02:30"], *LITERAL.values()]:
        wall = series(rule, wall_clock, dst)
        moments = [
            (wall_clock.start + place) * MINUTE for place in places(expected(rule, wall_clock, dst))
        ]
        for _ in range(15):
            first, end = sorted(window_edge(draw, wall_clock, changes) for _ in range(2))

            low, high = (bisect_left(moments, edge) for edge in (first, end))

            assert wall.count(first, end) == high - low
            assert wall.newest(first, end, 5) == moments[max(low, high - 5) : high]
            number = draw.choice([1, 2, 10, 99, 100, 101, 300])
            if low + number <= len(moments):
                assert wall.nth_after(first - 1, number) == moments[low + number - 1]


def window_edge(draw: random.Random, of: WallClock, changes: list[int]) -> int:
    """Return an instant anywhere, or close to a change of the clock."""
    if draw.random() < 0.5:
        return draw.randrange(of.start, of.end) * MINUTE + draw.choice([-1, 0, 1, SECOND])
    near = draw.choice(changes) + draw.randrange(-150, 150)
    return min(max(near, of.start), of.end) * MINUTE + draw.choice([-1, 0, 0, 1])


def test_every_zone_has_the_offsets_of_zoneinfo_at_any_time() -> None:
    draw = random.Random(1900)
    first, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1900, 2500))
    for name in sorted(zoneinfo.available_timezones() - {"localtime"}):
        area = zoneinfo.ZoneInfo(name)
        for second in (draw.randrange(first, end) for _ in range(30)):
            segment = timeline(name).segment(second)

            offset = datetime.fromtimestamp(second, area).utcoffset()
            assert offset is not None
            assert segment.offset == offset.total_seconds(), (name, second)
            assert segment.start <= second < segment.end
