"""Excluded moments against a naive reading of the same rule."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.calendars import Calendar
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Dates, Part, Ranges
from jobsched.clock import SECOND, from_us, to_us
from jobsched.model import OnExcluded
from jobsched.triggers.excluding import Excluding
from jobsched.triggers.timeline import timeline
from jobsched.triggers.zones import instant
from tests.support.excluding import (
    DAY,
    HOUR,
    PLACES,
    Listed,
    weekly,
)

# -- the naive reading ---------------------------------------------------------------------------


def is_shut(calendars: tuple[Calendar, ...], local: datetime) -> bool:
    second = local.hour * HOUR + local.minute * 60 + local.second
    windows = [window for one in calendars for window in one.closed(local.toordinal())]
    return any(start <= second < end for start, end in windows)


def moved(
    calendars: tuple[Calendar, ...], local: datetime, area: ZoneInfo, step: int
) -> int | None:
    """Return where a moment that shows *local* goes when it looks day by day."""
    for number in range(1, 367):
        wanted = local + timedelta(days=number * step)
        target = instant(wanted, area)
        arrival = from_us(target).astimezone(area).replace(tzinfo=None)
        if is_shut(calendars, wanted) or is_shut(calendars, arrival):
            continue
        if arrival.date() == wanted.date():
            return target
    return None


def naive(series: Excluding, times: tuple[int, ...]) -> list[int]:
    area, found = ZoneInfo(series.timeline.name), set[int]()
    for us in times:
        local = from_us(us).astimezone(area).replace(tzinfo=None, fold=0)
        if not is_shut(series.calendars, local):
            found.add(us)
        elif series.rule is not OnExcluded.SKIP:
            step = 1 if series.rule is OnExcluded.NEXT else -1
            target = moved(series.calendars, local, area, step)
            found.update([] if target is None else [target])
    return sorted(found)


# -- what hypothesis draws -----------------------------------------------------------------------

windows = st.tuples(st.integers(0, 47), st.integers(1, 48)).filter(lambda w: w[0] < w[1])


@st.composite
def parts(draw: st.DrawFn, around: int) -> Part:
    kind = draw(st.sampled_from(["dates", "ranges", "weekly", "windows"]))
    near = st.integers(around - 15, around + 15)
    if kind == "dates":
        return Dates(frozenset(draw(st.lists(near, max_size=8))))
    if kind == "ranges":
        firsts = draw(st.lists(near, max_size=3))
        return Ranges.of((first, first + draw(st.integers(0, 9))) for first in firsts)
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    if kind == "weekly":
        return weekly(*days)
    start, end = draw(windows)
    return weekly(*days, start=start * 1800, end=end * 1800)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Excluding, tuple[int, ...]]:
    zone = draw(st.sampled_from(sorted(PLACES)))
    around = PLACES[zone].toordinal()
    calendars = tuple(
        NamedCalendar(name, tuple(draw(st.lists(parts(around), min_size=1, max_size=3))))
        for name in ["one", "two"][: draw(st.integers(1, 2))]
    )
    noon = to_us(datetime.combine(PLACES[zone], datetime.min.time(), UTC)) + DAY * SECOND // 2
    minutes = draw(st.lists(st.integers(-14 * 1440, 14 * 1440), max_size=30))
    hours = draw(st.sampled_from([(), range(-50, 50), range(-300, 300, 24)]))
    grid = draw(st.sampled_from([0, 1, 30 * 60 * SECOND]))
    times = {noon + n * 60 * SECOND for n in minutes} | {
        noon + n * 3600 * SECOND + grid for n in hours
    }
    series = Excluding(
        Listed(tuple(sorted(times))),
        timeline(zone),
        calendars,
        draw(st.sampled_from(OnExcluded)),
    )
    return series, tuple(sorted(times))


@settings(deadline=None, max_examples=60)
@given(cases(), st.data())
def test_moments_and_counts_are_those_of_a_naive_reading(
    case: tuple[Excluding, tuple[int, ...]], data: st.DataObject
) -> None:
    series, times = case
    expected = naive(series, times)
    around = to_us(datetime.combine(PLACES[series.timeline.name], datetime.min.time(), UTC))
    edges = st.integers(-30 * DAY, 30 * DAY).map(lambda second: around + second * SECOND)
    first, end = sorted((data.draw(edges), data.draw(edges)))
    number = data.draw(st.integers(1, 40))

    after = [us for us in expected if us > first]

    assert list(series.moments(around - 800 * DAY * SECOND)) == expected
    assert list(series.moments(first)) == after
    assert series.count(first, end) == sum(first <= us < end for us in expected)
    assert series.newest(first, end, 3) == [us for us in expected if first <= us < end][-3:]
    assert series.nth_after(first, number) == (after[number - 1] if number <= len(after) else None)


@settings(deadline=None)
@given(cases())
def test_every_excluded_moment_is_in_one_omission_of_its_day(
    case: tuple[Excluding, tuple[int, ...]],
) -> None:
    series, times = case
    area = ZoneInfo(series.timeline.name)
    local = {us: from_us(us).astimezone(area).replace(tzinfo=None) for us in times}
    shut = [us for us in times if is_shut(series.calendars, local[us])]

    found = list(series.omissions(times[0], times[-1] + 1)) if times else []

    assert sum(one.total for one in found) == len(shut)
    assert {one.date for one in found} == {str(local[us].date()) for us in shut}
    assert [one.at_us for one in found] == sorted({one.at_us for one in found})
    assert {us for one in found for us in (one.at_us, one.last_us)} <= set(shut)
