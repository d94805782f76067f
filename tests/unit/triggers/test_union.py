"""Rows of moments as one: omissions keep away from moments, bounds hold everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobsched.triggers.series import EmptyMonth, Grid, Omission, Once, Series
from jobsched.triggers.union import Bounded, Union


@dataclass(frozen=True)
class Leaky(Series):
    """No moments, only omissions at *places* and one empty month."""

    places: tuple[int, ...]

    def next_after(self, us: int) -> int | None:
        del us
        return None

    def count(self, first_us: int, end_us: int) -> int:
        del first_us, end_us
        return 0

    @property
    def may_omit(self) -> bool:
        return True

    def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
        for place in self.places:
            if first_us <= place < end_us:
                yield Omission(place, place, 1, "1970-01-01", "gap", f"left out at {place}")

    def empty_months(self, first_us: int, end_us: int) -> Iterator[EmptyMonth]:
        del first_us, end_us
        yield EmptyMonth("1970-02", "February 1970 has no day 31")


def test_the_densest_is_counted_and_the_others_are_compared_with_it() -> None:
    union = Union((Once(35), Grid(0, 10), Grid(5, 15), Once(35)))

    assert list(union.moments(-1, 40)) == [0, 5, 10, 20, 30, 35, 40]
    assert union.count(0, 41) == 7
    assert union.newest(0, 41, 2) == [35, 40]
    assert union.nth_after(0, 5) == 35


def test_omissions_keep_away_from_moments_and_from_each_other() -> None:
    union = Union((Grid(0, 10), Leaky((10, 11, 25)), Leaky((10, 25))))

    omissions = list(union.omissions(0, 100))

    assert [omission.at_us for omission in omissions] == [11, 12, 13, 25, 26]
    assert all(omission.last_us >= omission.at_us for omission in omissions)


def test_the_same_empty_month_is_told_once() -> None:
    union = Union((Leaky(()), Leaky((1,))))

    assert [month.month for month in union.empty_months(0, 1)] == ["1970-02"]


def test_bounds_hold_for_moments_counts_and_omissions() -> None:
    bounded = Bounded(Grid(0, 10), 20, 50)
    leaky = Bounded(Leaky((20, 21, 50, 51)), 20, 50)

    assert list(bounded.moments(-1)) == [30, 40, 50]
    assert bounded.count(0, 100) == 3
    assert bounded.count(60, 100) == 0
    assert bounded.newest(0, 100, 2) == [40, 50]
    assert [omission.at_us for omission in leaky.omissions(0, 100)] == [21, 50]
    assert leaky.may_omit
    assert not bounded.may_omit
