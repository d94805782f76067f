"""The pace at which runs end, and by it how much is claimed ahead."""

import pytest

from jobsched import clock
from jobsched.execution.supervisor.filling import Pace


class Watch:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(clock, "monotonic", watch)
    return watch


def test_the_pace_is_what_ended_in_the_busier_of_two_windows(watch: Watch) -> None:
    pace = Pace()
    pace.add(30)

    watch.now += 0.11
    pace.add(5)

    assert pace.now == 30


def test_after_a_pause_there_is_no_pace(watch: Watch) -> None:
    pace = Pace()
    pace.add(30)

    watch.now += 0.3

    assert pace.now == 0


def test_what_ended_before_a_pause_does_not_count(watch: Watch) -> None:
    pace = Pace()
    pace.add(30)

    watch.now += 0.3
    pace.add(2)

    assert pace.now == 2
