"""What calendars do to moments, and what is said about it."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest

from jobsched.calendars.parts import Dates, Ranges
from jobsched.clock import SECOND
from jobsched.errors import InvalidInput
from jobsched.model import OnExcluded
from jobsched.triggers import parse
from jobsched.triggers.series import Grid, Omission
from tests.support.excluding import (
    DAY,
    HOUR,
    WEEKENDS,
    Listed,
    at,
    calendar,
    daily,
    excluding,
    shown,
    weekly,
)


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
