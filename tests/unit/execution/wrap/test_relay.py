"""The bounded copy of a stream: its head, a mark, its tail."""

import random

import pytest

from jobsched.execution.runner.kept import mark
from jobsched.execution.wrap.relay import CAP, Copy

TAIL = CAP // 4 - len(mark(1))


def copied(data: bytes, most: int) -> Copy:
    copy, chance = Copy(), random.Random(most)
    while data:
        size = chance.randint(1, most)
        copy.add(data[:size])
        data = data[size:]
    return copy


@pytest.mark.parametrize("most", [100, 5000, 70_000])
@pytest.mark.parametrize("size", [0, 1, CAP - 1, CAP])
def test_what_fits_is_kept_whole(size: int, most: int) -> None:
    data = random.Random(size).randbytes(size)

    assert copied(data, most).kept() == data


@pytest.mark.parametrize("most", [100, 5000, 70_000])
@pytest.mark.parametrize("size", [CAP + 1, CAP + 100, 2 * CAP, 10 * CAP + 7])
def test_of_more_head_and_tail_are_kept_and_the_rest_is_counted(size: int, most: int) -> None:
    data = random.Random(size).randbytes(size)

    copy = copied(data, most)

    head = CAP - CAP // 4
    expected = data[:head] + mark(size - head - TAIL) + data[-TAIL:]
    assert (copy.kept() == expected, len(copy.kept()), copy.total) == (True, CAP, size)
