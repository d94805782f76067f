"""How many runs are expected at once, against counting them all."""

from hypothesis import given
from hypothesis import strategies as st

from jobsched.operations.concurrency import Concurrency

RUNS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30), st.integers(1, 20)))


@given(RUNS, st.integers(1, 3))
def test_so_many_run_as_counting_them_all_gives(
    runs: list[tuple[int, int, int]], most: int
) -> None:
    concurrency = Concurrency()
    waiting = sorted(runs, key=lambda run: run[1])

    for now in range(60):
        concurrency.at(now)
        while waiting and waiting[0][1] == now:
            key, begin, lasting = waiting.pop(0)
            concurrency.add(key, begin + lasting, most)
        by_job = [
            sum(k == key and begin <= now < begin + lasting for k, begin, lasting in runs)
            for key in (1, 2, 3)
        ]
        assert concurrency.at(now) == sum(min(most, count) for count in by_job)
        assert [concurrency.of(key) for key in (1, 2, 3)] == [min(most, n) for n in by_job]
