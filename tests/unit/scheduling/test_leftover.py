"""A leftover moment beside a schedule: the same answers as a list of both."""

import random

from jobsched.scheduling.leftover import with_leftover
from jobsched.triggers import Stretch, parse

EVERY_SECOND = parse({"interval": {"seconds": 1}, "start": "2026-05-01T00:00:00Z"}, created_us=0)
BEGIN = EVERY_SECOND.first(0) or 0


def test_a_moment_of_the_schedule_adds_nothing() -> None:
    assert with_leftover(EVERY_SECOND, BEGIN) is EVERY_SECOND


def test_every_answer_is_that_of_a_list() -> None:
    draw = random.Random(7)
    for _ in range(300):
        left = BEGIN + draw.randrange(5_000_000)
        moments = with_leftover(EVERY_SECOND, left)
        every = [left, *EVERY_SECOND.moments(left, left + 20_000_000)]
        first = left + draw.randrange(-3_000_000, 3_000_000)
        end = first + draw.randrange(8_000_000)

        inside = [us for us in every if first <= us < end]

        bounds = (inside[0], inside[-1]) if inside else (None, None)
        assert moments.next_after(first) == min(us for us in every if us > first)
        assert moments.count_between(first, end) == Stretch(len(inside), *bounds)
        most = draw.randint(1, 4)
        assert moments.newest_between(first, end, most) == inside[-most:]
