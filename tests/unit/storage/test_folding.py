"""Quantiles of a day, at once and in several batches."""

import json

from jobsched.storage.folding import _merged


def test_quantiles_are_those_of_the_values() -> None:
    assert _merged(None, 0, range(1, 101)) == "[50,95,99,100]"
    assert _merged(None, 0, [7]) == "[7,7,7,7]"


def test_without_values_nothing_changes() -> None:
    assert _merged("[1,2,3,4]", 10, []) == "[1,2,3,4]"
    assert _merged(None, 0, []) is None


def test_batches_count_by_their_size_and_the_maximum_is_exact() -> None:
    merged = json.loads(_merged("[10,10,10,500]", 3, [50]) or "")

    assert merged == [20, 20, 20, 500]
