"""What clock changes do to local times, and what is said about it."""

import copy
import pickle
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from jobsched.clock import SECOND, from_us, to_us
from jobsched.model import Dst
from jobsched.triggers.days import Days, EveryDay, MonthDays, Weeks
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.fields import LAST_US
from jobsched.triggers.monthdays import MonthRule
from jobsched.triggers.timeline import timeline
from jobsched.triggers.wall import Wall
from tests.support.timing import soonest

BERLIN, APIA, CAIRO = "Europe/Berlin", "Pacific/Apia", "Africa/Cairo"
ALL = range(1, 13)
EVERY_DAY = EveryDay()
EVERY_SECOND = DayTimes(range(24), range(60), range(60))


def us(*parts: int) -> int:
    return to_us(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]


def at(hours: object, minutes: object = (0,)) -> DayTimes:
    return DayTimes(hours, minutes, [0])  # type: ignore[arg-type]


def wall(zone: str, times: DayTimes, days: Days = EVERY_DAY, dst: Dst = Dst.ONCE) -> Wall:
    return Wall(timeline(zone), days, times, dst=dst)


def literal(zone: str, times: DayTimes, days: Days = EVERY_DAY) -> Wall:
    return Wall(timeline(zone), days, times, fixed=False)


SPRING, AUTUMN = us(2026, 3, 29, 1), us(2026, 10, 25, 1)  # the changes in Berlin


@pytest.mark.parametrize(
    ("series", "moment", "note"),
    [
        (
            wall(BERLIN, at([2], [30])),
            SPRING,
            (
                "02:30 does not exist on 2026-03-29 in Europe/Berlin "
                "(clocks go from 02:00 to 03:00): runs at 03:00"
            ),
        ),
        (
            wall(BERLIN, DayTimes([2], [30], [20]), dst=Dst.BOTH),
            SPRING,
            (
                "02:30:20 does not exist on 2026-03-29 in Europe/Berlin "
                "(clocks go from 02:00 to 03:00): runs at 03:00"
            ),
        ),
        (
            wall(BERLIN, at([2, 3], [0, 30])),
            SPRING,
            (
                "02:00 and 02:30 do not exist on 2026-03-29 in Europe/Berlin "
                "(clocks go from 02:00 to 03:00): runs once, at 03:00"
            ),
        ),
        (
            wall(BERLIN, at([2], range(0, 60, 10))),
            SPRING,
            (
                "02:00, 02:10, 02:20 and 3 more do not exist on 2026-03-29 in Europe/Berlin "
                "(clocks go from 02:00 to 03:00): runs once, at 03:00"
            ),
        ),
        (
            wall("America/Nuuk", at([23], [15])),
            us(2026, 3, 29, 1),
            (
                "23:15 does not exist on 2026-03-28 in America/Nuuk "
                "(clocks go from 23:00 to 2026-03-29 00:00): runs at 2026-03-29 00:00"
            ),
        ),
        (
            wall(BERLIN, at([2], [30])),
            us(2026, 10, 25, 0, 30),
            (
                "02:30 comes twice on 2026-10-25 in Europe/Berlin "
                "(clocks go from 03:00 to 02:00): runs the first time only"
            ),
        ),
        (
            wall(BERLIN, at([2], [30]), dst=Dst.BOTH),
            us(2026, 10, 25, 0, 30),
            (
                "02:30 comes twice on 2026-10-25 in Europe/Berlin "
                "(clocks go from 03:00 to 02:00): this is the first time"
            ),
        ),
        (
            literal(BERLIN, at([2], [30])),
            us(2026, 10, 25, 1, 30),
            (
                "02:30 comes twice on 2026-10-25 in Europe/Berlin "
                "(clocks go from 03:00 to 02:00): this is the second time"
            ),
        ),
        (
            wall("America/Sao_Paulo", at([23], [30])),
            us(2018, 2, 18, 1, 30),
            (
                "23:30 comes twice on 2018-02-17 in America/Sao_Paulo "
                "(clocks go from 2018-02-18 00:00 to 23:00): runs the first time only"
            ),
        ),
        (wall(BERLIN, at([3])), SPRING, None),
        (wall(BERLIN, at([2, 3]), dst=Dst.SKIP), SPRING, None),
        (literal(BERLIN, at(range(24))), SPRING, None),
        (wall(BERLIN, at([2], [30])), us(2026, 10, 26, 1, 30), None),
        (wall(BERLIN, at([3])), us(2026, 10, 25, 2), None),
    ],
)
def test_a_moment_that_a_change_moves_or_doubles_has_a_note(
    series: Wall, moment: int, note: str | None
) -> None:
    assert series.next_after(moment - 1) == moment

    assert series.note(moment) == note


@pytest.mark.parametrize(
    "instant", [us(2026, 10, 25, 1, 30), us(2026, 10, 25, 0, 31), SPRING + 1, 2 * LAST_US]
)
def test_what_is_no_moment_has_no_note(instant: int) -> None:
    assert wall(BERLIN, at([2], [30])).note(instant) is None


def test_the_passes_of_a_fold_are_told_where_a_table_of_offsets_begins() -> None:
    """In Santiago an hour came twice just after one of our tables begins."""
    change = 100_666_800 * SECOND
    series = literal("America/Santiago", at([23], [5, 55]), EVERY_DAY)

    notes = [
        series.note(moment)
        for moment in series.moments(change - 3_600_000_001, change + 3_599_000_000)
    ]

    assert [note and note.rsplit(" ", 2)[1] for note in notes] == ["first"] * 2 + ["second"] * 2
    assert (
        wall("America/Santiago", at([23], [5, 55])).count(
            change - 3600 * SECOND, change + 3600 * SECOND
        )
        == 2
    )


def test_under_skip_the_times_of_a_gap_are_told_as_left_out() -> None:
    series = wall(BERLIN, at([2], [0, 30]), dst=Dst.SKIP)

    (found,) = series.omissions(us(2026, 1, 1), us(2027, 1, 1))

    assert found[:5] == (SPRING, SPRING, 2, "2026-03-29", "gap")
    assert found.note == (
        "02:00 and 02:30 do not exist on 2026-03-29 in Europe/Berlin "
        "(clocks go from 02:00 to 03:00): left out"
    )


def test_what_is_left_out_stands_beside_a_moment_that_happens() -> None:
    series = wall(BERLIN, at([2, 3]), dst=Dst.SKIP)

    (found,) = series.omissions(us(2026, 1, 1), us(2027, 1, 1))

    assert found.at_us == SPRING - 1
    assert not list(series.omissions(SPRING, us(2027, 1, 1)))
    assert list(series.omissions(SPRING - 1, SPRING)) == [found]


def test_two_dates_in_one_gap_are_told_one_by_one() -> None:
    """In Toronto clocks went from 23:30 to 00:30 on 31 March 1919."""
    change, around = us(1919, 3, 31, 4, 30), (us(1919, 3, 1), us(1919, 5, 1))
    times = at([0, 23], [15, 45])

    dropped = list(wall("America/Toronto", times, dst=Dst.SKIP).omissions(*around))
    note = wall("America/Toronto", times).note(change)

    assert [(each.at_us, each.date) for each in dropped] == [
        (change - 1, "1919-03-30"),
        (change, "1919-03-31"),
    ]
    assert note == (
        "23:45 does not exist on 1919-03-30 in America/Toronto "
        "(clocks go from 23:30 to 1919-03-31 00:30): runs at 1919-03-31 00:30; "
        "00:15 does not exist on 1919-03-31 in America/Toronto "
        "(clocks go from 1919-03-30 23:30 to 00:30): runs at 00:30"
    )


@pytest.mark.parametrize("dst", Dst)
def test_a_date_that_a_zone_leaves_out_is_told_under_any_policy(dst: Dst) -> None:
    series = wall(APIA, at([9]), dst=dst)

    (found,) = series.omissions(us(2011, 12, 1), us(2012, 1, 31))

    assert found.date == "2011-12-30"
    assert found.note == (
        "2011-12-30 does not exist in Pacific/Apia "
        "(clocks go from 00:00 to 2011-12-31 00:00): left out"
    )
    assert series.next_after(us(2011, 12, 29, 20)) == us(2011, 12, 30, 19)


def test_a_date_left_out_is_not_told_by_a_rule_that_does_not_name_it() -> None:
    series = wall(APIA, at([9]), Weeks(1, 1, (0,)))

    assert not list(series.omissions(us(2011, 12, 1), us(2012, 1, 31)))


def test_a_literal_rule_tells_of_a_day_only_when_it_loses_all_its_times() -> None:
    year = us(2026, 1, 1), us(2027, 1, 1)

    every_ten = list(literal(BERLIN, at([2], range(0, 60, 10))).omissions(*year))

    assert [(each.total, each.date) for each in every_ten] == [(6, "2026-03-29")]
    assert not list(literal(BERLIN, at([2, 3], range(0, 60, 10))).omissions(*year))
    assert not list(literal(BERLIN, EVERY_SECOND).omissions(*year))


@pytest.mark.parametrize(
    ("series", "may_omit"),
    [
        (wall(BERLIN, at([2])), False),
        (wall(BERLIN, at([2]), dst=Dst.BOTH), False),
        (wall(BERLIN, at([2]), dst=Dst.SKIP), True),
        (wall(BERLIN, at([9]), dst=Dst.SKIP), False),
        (wall("UTC", at([2]), dst=Dst.SKIP), False),
        (wall(CAIRO, at([0]), dst=Dst.SKIP), True),
        (wall(APIA, at([9]), dst=Dst.SKIP), False),
        (literal(BERLIN, at([2], range(0, 60, 10))), True),
        (literal(BERLIN, at(range(24))), False),
        (literal(BERLIN, EVERY_SECOND), False),
    ],
)
def test_only_a_rule_with_all_or_some_times_in_gaps_may_omit(series: Wall, may_omit: bool) -> None:
    assert series.may_omit is may_omit


def test_what_cannot_omit_is_not_searched_for_omissions() -> None:
    series = literal(BERLIN, EVERY_SECOND)
    assert not series.may_omit

    found, took = soonest(lambda: list(series.omissions(us(2026, 1, 1), LAST_US)))

    assert not found
    assert took < 0.1


def test_months_too_short_for_the_rule_are_told() -> None:
    series = wall(BERLIN, at([9]), MonthDays(ALL, MonthRule(days=frozenset({31}))))

    found = list(series.empty_months(us(2026, 1, 31, 22), us(2026, 4, 30, 22, 0, 1)))
    one_day_more = list(series.empty_months(us(2026, 1, 31, 23), us(2026, 2, 1)))

    assert [each.month for each in found] == ["2026-02", "2026-04"]
    assert found[0].note == "February 2026 has no day 31"
    assert [each.month for each in one_day_more] == ["2026-02"]
    assert not list(series.empty_months(us(2026, 3, 1), us(2026, 2, 1)))
    assert not list(wall(BERLIN, at([9])).empty_months(us(2026, 1, 1), us(2027, 1, 1)))


def test_moments_reach_from_the_first_year_to_the_last() -> None:
    series = wall(BERLIN, at([0]))

    early, late = series.next_after(-2 * LAST_US), series.newest(0, 2 * LAST_US, 1)

    assert early is not None
    assert from_us(early).year == 1
    assert late == [us(9999, 12, 29, 23)]
    assert series.next_after(late[0]) is None
    assert series.next_after(us(1969, 12, 31)) == us(1969, 12, 31, 23)


@pytest.mark.parametrize(
    ("days", "dst"),
    [
        (MonthDays([2], MonthRule(days=frozenset({30}))), Dst.ONCE),
        (MonthDays([4], MonthRule(nth=frozenset({(4, -1)}))), Dst.SKIP),  # always in a gap
    ],
)
def test_what_never_comes_is_found_out_soon(days: Days, dst: Dst) -> None:
    series = wall(CAIRO, at([0], [0, 30]), days, dst)
    now = us(2026, 5, 1)
    series.next_after(now)  # the offsets are read once

    found, took = soonest(lambda: series.next_after(now))

    assert found is None
    assert took < 0.2


@pytest.mark.parametrize(
    ("series", "last"),
    [
        (literal(BERLIN, EVERY_SECOND), us(9999, 12, 30)),
        (
            wall(BERLIN, at([9]), MonthDays([2], MonthRule(days=frozenset({29})))),
            us(9996, 2, 29, 8),
        ),
        (
            literal(BERLIN, EVERY_SECOND, MonthDays([2], MonthRule(days=frozenset({29})))),
            us(9996, 2, 29, 22, 59, 59),
        ),
        (wall(BERLIN, at([9]), Weeks(739_000, 3, (2,))), us(9999, 12, 29, 8)),
    ],
)
def test_the_far_end_of_the_calendar_is_reached_soon(series: Wall, last: int) -> None:
    now = us(2026, 5, 1)
    series.count(now, LAST_US)  # the offsets are read once

    (newest, beyond, total), took = soonest(
        lambda: (
            series.newest(now, LAST_US + 1, 1),
            series.nth_after(now, 2**53),
            series.count(now, LAST_US + 1),
        )
    )

    assert (newest, beyond) == ([last], None)
    assert series.count(now, last) == total - 1
    assert took < 4


def test_the_cycle_of_the_calendar_counts_as_walking_does() -> None:
    series = literal(BERLIN, at([2], [0, 30]), MonthDays(ALL, MonthRule(nth=frozenset({(6, -1)}))))
    edges = [
        us(2050, 3, 1),
        *(us(year, 10, 31, 0, 10) for year in range(2400, 9600, 300)),
        us(9700, 1, 1),
    ]

    whole = series.count(edges[0], edges[-1])

    assert whole == sum(series.count(*pair) for pair in pairwise(edges))


def test_a_copy_is_equal_and_goes_on() -> None:
    series = wall(BERLIN, at([2], [30]), MonthDays(ALL, MonthRule(days=frozenset({29}))))

    for again in (copy.deepcopy(series), pickle.loads(pickle.dumps(series))):  # noqa: S301
        assert again == series
        assert again.next_after(SPRING - 1) == SPRING
