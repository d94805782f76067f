"""Rows of moments: what is counted, paged and listed agrees."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobsched.clock import SECOND
from jobsched.model import Dst
from jobsched.triggers.days import EveryDay, EveryFewDays, MonthDays, Weeks
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.fields import LAST_US
from jobsched.triggers.monthdays import MonthRule
from jobsched.triggers.series import FEW, AtOnce, Grid, Once, Series
from jobsched.triggers.timeline import timeline
from jobsched.triggers.wall import Wall

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
NOW = 1_800_000_000 * SECOND

DAYS = st.one_of(
    st.just(EveryDay()),
    st.builds(EveryFewDays, st.integers(739_000, 739_100), st.integers(1, 9)),
    st.builds(
        Weeks,
        st.integers(739_000, 739_100),
        st.integers(1, 3),
        st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple),
    ),
    st.builds(
        MonthDays,
        st.sets(st.integers(1, 12), min_size=6),
        st.builds(MonthRule, days=st.frozensets(st.integers(1, 31), min_size=1)),
    ),
)
TIMES = st.builds(
    DayTimes,
    st.sets(st.sampled_from([0, 1, 2, 3, 12, 23]), min_size=1),
    st.sets(st.sampled_from([0, 1, 30, 59]), min_size=1),
    st.sets(st.sampled_from([0, 59]), min_size=1),
)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana"]
)
WALLS = st.builds(
    Wall, ZONES.map(timeline), DAYS, TIMES, fixed=st.booleans(), dst=st.sampled_from(Dst)
)
GRIDS = st.builds(
    Grid, st.integers(NOW - 400 * DAY, NOW + 400 * DAY), st.integers(HOUR // 7, 40 * DAY)
)
RULES = st.one_of(WALLS, GRIDS)
SERIES = st.one_of(
    RULES,
    st.builds(AtOnce, st.integers(NOW - 9 * DAY, NOW + 9 * DAY), RULES),
    st.builds(Once, st.just(NOW)),
)
WINDOWS = st.tuples(st.integers(NOW - 400 * DAY, NOW + 400 * DAY), st.integers(-DAY, 40 * DAY)).map(
    lambda pair: (pair[0], sum(pair))
)


@given(series=SERIES, window=WINDOWS, most=st.integers(1, 20))
def test_a_window_counts_and_pages_as_it_lists(
    series: Series, window: tuple[int, int], most: int
) -> None:
    first, end = window

    moments = list(series.moments(first - 1, end - 1))

    assert all(early < late for early, late in pairwise(moments))
    assert series.count(first, end) == len(moments)
    assert series.newest(first, end, most) == moments[-most:]


@given(series=SERIES, start=WINDOWS, number=st.integers(1, 3 * FEW))
def test_the_nth_moment_is_that_of_the_list(
    series: Series, start: tuple[int, int], number: int
) -> None:
    moment: int | None = start[0]
    for _ in range(number):
        moment = None if moment is None else series.next_after(moment)

    assert series.nth_after(start[0], number) == moment


@given(series=SERIES, us=st.integers(-2 * LAST_US, 2 * LAST_US))
def test_the_next_moment_is_later_at_any_time(series: Series, us: int) -> None:
    found = series.next_after(us)

    assert found is None or us < found <= LAST_US
    assert found is None or series.count(us + 1, found + 1) == 1


def test_a_grid_is_counted_and_paged_by_arithmetic() -> None:
    grid = Grid(NOW, SECOND // 10)

    assert grid.nth_after(NOW, 10**9) == NOW + 10**8 * SECOND
    assert grid.nth_after(NOW, 2**53) is None
    assert grid.newest(NOW, NOW + SECOND, 2) == [NOW + 800_000, NOW + 900_000]
    assert grid.newest(NOW - SECOND, NOW, 2) == []
    assert grid.newest(NOW, 2 * LAST_US, 1) == grid.newest(NOW, LAST_US + 1, 1)
    assert grid.count(NOW, 2 * LAST_US) == grid.count(NOW, LAST_US + 1)


def test_what_happens_at_once_is_the_first_of_all() -> None:
    series = AtOnce(NOW + 5, Grid(NOW, 10))

    assert list(series.moments(NOW - 1, NOW + 20)) == [NOW + 5, NOW + 10, NOW + 20]
    assert [series.nth_after(NOW, number) for number in (1, 2)] == [NOW + 5, NOW + 10]
    assert series.newest(NOW, NOW + 20, 9) == [NOW + 5, NOW + 10]


def test_what_the_rest_says_is_said_from_the_first_moment_on() -> None:
    spring = 1_806_195_600 * SECOND  # 28 March 2027, 01:00 UTC
    times = DayTimes([2], [30], [0])
    rest = Wall(
        timeline("Europe/Berlin"),
        MonthDays(range(1, 13), MonthRule(frozenset({28, 31}))),
        times,
        dst=Dst.SKIP,
    )
    series = AtOnce(spring - DAY, rest)

    assert series.may_omit
    assert [each.at_us for each in series.omissions(NOW, spring + DAY)] == [spring]
    assert list(AtOnce(spring, rest).omissions(NOW, spring + DAY)) == []
    assert series.note(spring - DAY) is None
    assert not list(series.empty_months(NOW, spring + DAY))


def test_a_row_has_nothing_to_tell_unless_it_says_so() -> None:
    grid = Grid(NOW, DAY)

    assert not grid.may_omit
    assert not list(grid.omissions(NOW, NOW + DAY))
    assert not list(grid.empty_months(NOW, NOW + DAY))
    assert grid.note(NOW) is None
