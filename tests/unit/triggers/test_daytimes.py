"""Which times of day there are, and how many."""

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from jobsched.triggers.daytimes import DayTimes

TIMES = st.builds(
    DayTimes,
    st.sets(st.integers(0, 23), min_size=1, max_size=5),
    st.sets(st.integers(0, 59), min_size=1, max_size=5),
    st.sets(st.integers(0, 59), min_size=1, max_size=5),
)


def all_of(times: DayTimes) -> list[int]:
    return sorted(
        hour * 3600 + minute * 60 + second
        for hour in times.hours
        for minute in times.minutes
        for second in times.seconds
    )


@given(times=TIMES, second=st.integers(0, 86_399))
def test_the_next_time_is_the_first_of_those_not_earlier(times: DayTimes, second: int) -> None:
    assert times.at_or_after(second) == next((t for t in all_of(times) if t >= second), -1)


@given(times=TIMES, second=st.integers(0, 86_400))
def test_those_before_a_second_are_counted(times: DayTimes, second: int) -> None:
    assert times.count_before(second) == sum(time < second for time in all_of(times))


@given(times=TIMES)
def test_each_time_is_found_where_it_is(times: DayTimes) -> None:
    listed = all_of(times)

    assert [times.at_or_after(time) for time in listed] == listed
    assert (times.first, times.total) == (listed[0], len(listed))


def test_values_are_put_in_order_and_named_once() -> None:
    assert DayTimes([9, 8, 9], [5, 0], [0]) == DayTimes([8, 9], [0, 5, 5], [0])
    assert DayTimes([8], [0], [0]) != DayTimes([8], [0], [1])


def test_a_copy_is_equal() -> None:
    times = DayTimes(range(24), range(60), [0])

    assert copy.deepcopy(times) == pickle.loads(pickle.dumps(times)) == times  # noqa: S301
    assert hash(copy.deepcopy(times)) == hash(times)
    assert repr(DayTimes([8], [0], [5])) == "DayTimes((8,), (0,), (5,))"
