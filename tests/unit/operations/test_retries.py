"""Retries of many runs: how they are portioned, and how what became of them is kept."""

from jobsched.operations.retries import Retried, portions


def test_a_portion_has_few_runs_and_few_records() -> None:
    small = [(number, 1) for number in range(120)]
    large = [(1000, 100_000), (1001, 1500), (1002, 500), (1003, 1)]

    found = [*portions([*small, *large])]

    assert [len(portion) for portion in found] == [50, 50, 20, 1, 2, 1]
    assert [run for portion in found for run in portion] == [*range(120), *range(1000, 1004)]
    assert [*portions([])] == []


def test_what_was_kept_comes_back() -> None:
    done = Retried(matched=9, runs=[5, 6], refused=1, refusals=[(3, "why")], reason="full")

    assert Retried.from_text(done.to_text()) == done
    assert (done.tried, done.left) == (3, 6)
