"""The decorator: what it keeps, what it refuses, and what it tells inside the server."""

import pytest

from jobsched import watchdog as module
from jobsched.watchdog import watchdog

Told = list[float | None]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Be a task process of a server whose JOB_LIVETIME is 60; the clock stands at 1000."""
    monkeypatch.setattr(module, "_limits", None)
    monkeypatch.setattr("jobsched.watchdog.time.monotonic", lambda: 1000.0)
    words: Told = []
    module.attach(words.append, 60.0)
    return words


def test_name_and_docstring_are_kept() -> None:
    @watchdog()
    def function() -> None:
        """Do it."""

    assert function.__name__ == "function"
    assert function.__doc__ == "Do it."


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_more_than_nothing(seconds: float) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        watchdog(seconds)


@pytest.mark.parametrize("seconds", [True, "1", print])
def test_what_is_no_number_is_refused(seconds: float) -> None:
    with pytest.raises(TypeError, match=r"write @watchdog\(\) or @watchdog\(seconds\)"):
        watchdog(seconds)


def test_the_call_is_passed_on_inside_the_server(told: Told) -> None:
    @watchdog()
    def add(a: int, b: int = 0) -> int:
        return a + b

    assert add(1, b=2) == 3


@pytest.mark.parametrize(("seconds", "limit"), [(None, 60.0), (1, 1.0), (90.5, 90.5)])
def test_the_limit_holds_for_the_call_only(told: Told, seconds: float | None, limit: float) -> None:
    watchdog(seconds)(lambda: told.append(-1.0))()

    assert told == [limit, -1.0, None]


def test_the_limit_is_taken_back_after_an_exception(told: Told) -> None:
    with pytest.raises(KeyError):
        watchdog(1)(dict[str, int]().__getitem__)("x")

    assert told == [1.0, None]


def test_an_inner_limit_gives_way_to_the_outer_one_again(told: Told) -> None:
    watchdog(30)(watchdog(1)(lambda: None))()

    assert told == [30.0, 1.0, 30.0, None]


def test_an_inner_limit_never_lengthens_the_outer_one(told: Told) -> None:
    watchdog(1)(watchdog(30)(lambda: None))()

    assert told == [1.0, None]


def test_no_livetime_is_no_limit(told: Told) -> None:
    module.attach(told.append, 0.0)

    watchdog()(lambda: None)()

    assert told == []
