"""Excluded moments against a naive reading of the same rule, and what is said about them."""

import pickle
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsched.calendars import Calendar
from jobsched.calendars.named import NamedCalendar
from jobsched.calendars.parts import Dates, Part, Ranges, Weekly
from jobsched.clock import SECOND, from_us, to_us
from jobsched.errors import InvalidInput
from jobsched.model import OnExcluded
from jobsched.triggers import parse
from jobsched.triggers.excluding import Excluding
from jobsched.triggers.series import Grid, Omission, Series
from jobsched.triggers.timeline import timeline
from jobsched.triggers.zones import instant

DAY = 86_400
HOUR = 3600
# Days at whose midnight, or in whose night, the clock is changed; and a day that does not exist.
PLACES = {
    "UTC": date(2026, 3, 29),
    "Europe/Berlin": date(2026, 3, 29),
    "Asia/Beirut": date(2026, 3, 29),
    "America/St_Johns": date(2010, 11, 7),
    "America/Havana": date(2026, 11, 1),
    "Pacific/Apia": date(2011, 12, 30),
}


@dataclass(frozen=True, slots=True)
class Listed(Series):
    """The *times* given, in order."""

    times: tuple[int, ...]

    def next_after(self, us: int) -> int | None:
        place = bisect_right(self.times, us)
        return self.times[place] if place < len(self.times) else None

    def count(self, first_us: int, end_us: int) -> int:
        return max(0, bisect_left(self.times, end_us) - bisect_left(self.times, first_us))


def weekly(*days: int, start: int = 0, end: int = DAY) -> Weekly:
    return Weekly(tuple(((start, end),) if day in days else () for day in range(7)))


def calendar(*parts: Part, name: str = "company") -> Calendar:
    return NamedCalendar(name, parts)


WEEKENDS = calendar(weekly(5, 6))


def excluding(
    inner: Series,
    *calendars: Calendar,
    rule: OnExcluded = OnExcluded.SKIP,
    zone: str = "Europe/Berlin",
) -> Excluding:
    return Excluding(inner, timeline(zone), calendars, rule)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """Return the instant of a local time such as ``2026-12-25 09:00``."""
    return instant(datetime.fromisoformat(text), ZoneInfo(zone))


def shown(moments: list[int], zone: str = "Europe/Berlin") -> list[str]:
    return [f"{from_us(us).astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for us in moments]


def daily(first: str, days: int, zone: str = "Europe/Berlin") -> Listed:
    start = datetime.fromisoformat(first)
    return Listed(tuple(instant(start + timedelta(days=n), ZoneInfo(zone)) for n in range(days)))


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


def test_a_moment_on_a_closed_day_is_left_out_and_told() -> None:
    christmas = calendar(Dates(frozenset([date(2026, 12, 25).toordinal()])))
    series = excluding(daily("2026-12-24 09:00", 4), WEEKENDS, christmas)

    omissions = list(series.omissions(0, at("2027-01-01 00:00")))

    assert shown(list(series.moments(0))) == ["12-24 09:00"]
    assert [(one.date, one.total, one.reason, one.note) for one in omissions] == [
        ("2026-12-25", 1, "calendar", "calendar company: a listed date"),
        ("2026-12-26", 1, "calendar", "calendar company: every Saturday"),
        ("2026-12-27", 1, "calendar", "calendar company: every Sunday"),
    ]


@pytest.mark.parametrize(
    ("rule", "target"), [(OnExcluded.NEXT, "2026-12-28"), (OnExcluded.PREVIOUS, "2026-12-25")]
)
def test_a_moved_moment_tells_where_it_comes_from(rule: OnExcluded, target: str) -> None:
    series = excluding(Listed((at("2026-12-26 09:00"),)), WEEKENDS, rule=rule)

    moments = list(series.moments(0))

    assert moments == [at(f"{target} 09:00")]
    assert series.note(moments[0]) == (
        "moved from 2026-12-26, which calendar company excludes (every Saturday)"
    )
    assert [one.note for one in series.omissions(0, moments[0] + DAY * 9 * SECOND)] == [
        f"calendar company: every Saturday; moved to {target}"
    ]


def test_a_moment_moved_to_another_one_is_no_other_and_has_no_note() -> None:
    series = excluding(daily("2026-12-24 09:00", 6), WEEKENDS, rule=OnExcluded.NEXT)

    moments = list(series.moments(0))

    assert shown(moments) == ["12-24 09:00", "12-25 09:00", "12-28 09:00", "12-29 09:00"]
    assert {series.note(us) for us in moments} == {None}


def test_a_window_closes_times_and_the_next_day_takes_them() -> None:
    evening = calendar(weekly(4, start=18 * HOUR))
    grid = Grid(at("2026-11-27 12:00"), 6 * HOUR * SECOND)

    skipped = excluding(grid, evening)
    moved_on = excluding(Listed((at("2026-11-27 19:30"),)), evening, rule=OnExcluded.NEXT)

    assert shown(list(skipped.moments(0, at("2026-11-28 07:00")))) == [
        "11-27 12:00", "11-28 00:00", "11-28 06:00",
    ]  # fmt: skip
    assert shown(list(moved_on.moments(0))) == ["11-28 19:30"]


def test_a_moment_is_moved_a_year_at_most() -> None:
    friday = at("2026-11-27 09:00")
    for days, expected in [(365, 1), (366, 0)]:
        shut = Ranges.of([(date(2026, 11, 27).toordinal(), date(2026, 11, 27).toordinal() + days)])
        series = excluding(Listed((friday,)), calendar(shut), rule=OnExcluded.NEXT)

        assert series.count(0, friday + 800 * DAY * SECOND) == expected
        assert len(list(series.moments(0))) == expected


def test_a_moment_moved_into_a_gap_happens_right_after_it() -> None:
    saturday = calendar(weekly(5))
    times = (at("2026-03-28 02:30") + 1, at("2026-03-28 02:45"))
    series = excluding(Listed(times), saturday, rule=OnExcluded.NEXT)

    assert list(series.moments(0)) == [at("2026-03-29 03:00")]


def test_a_day_that_a_zone_leaves_out_is_no_open_day() -> None:
    thursday = calendar(Dates(frozenset([date(2011, 12, 29).toordinal()])))
    moment = at("2011-12-29 09:00", "Pacific/Apia")
    series = excluding(Listed((moment,)), thursday, rule=OnExcluded.NEXT, zone="Pacific/Apia")

    assert shown(list(series.moments(0)), "Pacific/Apia") == ["12-31 09:00"]


@pytest.mark.parametrize(
    ("zone", "first", "window", "target"),
    [
        ("Europe/Berlin", "2026-10-25 02:15", (2 * HOUR, 2 * HOUR + 1800), "10-26 02:15"),
        ("America/St_Johns", "2010-11-06 23:30", (0, DAY), "11-07 23:30"),
    ],
)
def test_the_second_pass_of_a_fold_is_closed_and_moved_too(
    zone: str, first: str, window: tuple[int, int], target: str
) -> None:
    second_pass = at(first, zone) + HOUR * SECOND
    day = date.fromisoformat(first[:10]).weekday()
    shut = calendar(weekly(day, start=window[0], end=window[1]))

    series = excluding(Listed((second_pass,)), shut, rule=OnExcluded.NEXT, zone=zone)

    assert shown([second_pass], zone) == [f"{first[5:]}"]
    assert shown(list(series.moments(0)), zone) == [target]


def test_a_cron_at_night_avoids_closed_days_over_a_change_of_the_clock() -> None:
    trigger = parse(
        {
            "cron": "30 2 * * *",
            "timezone": "Europe/Berlin",
            "calendars": ["company"],
            "on_excluded": "previous",
        },
        created_us=at("2026-03-26 12:00"),
        calendars={"company": calendar(Dates(frozenset([date(2026, 3, 28).toordinal()])))},
    )
    start, end = at("2026-03-26 12:00"), at("2026-03-31 12:00")

    assert shown(list(trigger.moments(start, end))) == [
        "03-27 02:30", "03-29 03:00", "03-30 02:30", "03-31 02:30",
    ]  # fmt: skip
    assert [one.date for one in trigger.omissions(start, end)] == ["2026-03-28"]


@pytest.mark.parametrize("rule", OnExcluded)
def test_what_is_closed_for_ever_never_comes(rule: OnExcluded) -> None:
    always = calendar(weekly(*range(7)))
    for inner in (Grid(0, 60 * SECOND), Listed((at("2060-01-01 00:00"),)), Listed(())):
        series = excluding(inner, always, rule=rule)

        assert series.next_after(at("2026-01-01 00:00")) is None
        assert series.nth_after(at("2026-01-01 00:00"), 10**9) is None


def test_a_large_number_of_moments_is_counted() -> None:
    start = at("2026-01-05 09:00", "UTC")
    grid = Grid(start, HOUR * SECOND)
    weeks = 40 * 5 * 24

    for rule in (OnExcluded.SKIP, OnExcluded.NEXT):
        series = excluding(grid, WEEKENDS, rule=rule, zone="UTC")
        nth = series.nth_after(start - 1, weeks)
        assert nth is not None
        assert series.count(start, nth) == weeks - 1
        assert series.next_after(nth - 1) == nth


def test_only_rare_moments_can_be_moved() -> None:
    rare, often = Grid(0, 600 * SECOND), Grid(0, 599 * SECOND)

    assert excluding(often, WEEKENDS, rule=OnExcluded.NEXT).is_dense(0)
    assert not excluding(rare, WEEKENDS, rule=OnExcluded.NEXT).is_dense(0)
    assert not excluding(often, WEEKENDS).is_dense(0)
    assert not excluding(Listed(()), WEEKENDS, rule=OnExcluded.NEXT).is_dense(0)


def test_a_gap_on_a_closed_day_is_told_once() -> None:
    gaps = [
        Omission(at(f"{day} 03:00"), at(f"{day} 03:00"), 1, day, "gap", "02:30 does not exist")
        for day in ("2026-03-27", "2026-03-28", "2026-03-29")
    ]
    series = excluding(WithGaps((at("2026-03-28 12:00"),), tuple(gaps)), WEEKENDS)

    found = list(series.omissions(at("2026-03-26 00:00"), at("2026-04-01 00:00")))

    assert [(one.date, one.reason) for one in found] == [
        ("2026-03-27", "gap"), ("2026-03-28", "calendar"), ("2026-03-29", "gap"),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class WithGaps(Listed):
    """Moments, and *gaps* among them; each moment has a note."""

    gaps: tuple[Omission, ...] = ()

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        return iter(self.gaps)

    def note(self, us: int) -> str | None:
        return f"from a gap {us}"


def test_the_note_of_a_moved_moment_keeps_what_the_rule_says() -> None:
    saturday = at("2026-03-28 12:00")
    series = excluding(WithGaps((saturday,)), WEEKENDS, rule=OnExcluded.NEXT)

    note = series.note(at("2026-03-30 12:00"))

    assert note is not None
    assert note.startswith(f"from a gap {saturday}; moved from 2026-03-28, ")


def test_series_are_values_that_travel() -> None:
    series = excluding(daily("2026-12-24 09:00", 6), WEEKENDS, rule=OnExcluded.NEXT)
    moments = list(series.moments(0))

    travelled = pickle.loads(pickle.dumps(series))  # noqa: S301 - our own

    assert travelled == series
    assert list(travelled.moments(0)) == moments


@pytest.mark.parametrize(
    ("data", "field", "rule"),
    [
        ({"interval": {"seconds": 30}, "on_excluded": "next"}, "on_excluded", "too_often"),
        ({"interval": {"seconds": 0.1}, "on_excluded": "previous", "count": 9000},
         "on_excluded", "too_often"),
        ({"at": "2026-11-28T09:00:00"}, "calendars", "never"),
    ],
)  # fmt: skip
def test_what_calendars_make_impossible_is_refused(
    data: dict[str, object], field: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse(
            {**data, "calendars": ["company"]},
            created_us=at("2026-11-25 09:00"),
            calendars={"company": WEEKENDS},
        )

    assert [(error.field, error.rule) for error in refusal.value.errors] == [(field, rule)]


@pytest.mark.parametrize("rule", OnExcluded)
def test_what_was_asked_before_changes_no_answer(rule: OnExcluded) -> None:
    first = at("2026-05-02 12:00")
    saturdays = Grid(first, 7 * DAY * SECOND)
    spans = ((date(2026, 5, 1).toordinal(), date(2056, 5, 1).toordinal()),)
    thirty_years = calendar(Ranges(spans))
    asked_often = excluding(saturdays, thirty_years, rule=rule)

    for years in (0, 14, 31, 1, 20, 0):
        begin = first + years * 365 * DAY * SECOND
        fresh = excluding(saturdays, thirty_years, rule=rule)
        assert asked_often.next_after(begin) == fresh.next_after(begin)
        assert (fresh.next_after(begin) is None) == (years < 10)
