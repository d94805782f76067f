"""When a runner counts as frozen, and whom that may end."""

import os
from collections.abc import Callable

import pytest

from jobsched import clock
from jobsched.execution import processes
from jobsched.execution.processes import Process
from jobsched.execution.supervisor.pulse import ASK_AFTER, DOUBTFUL_AFTER, FROZEN_AFTER, Pulse

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Let so many seconds pass."""
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def questions(one: Pulse, later: Later, seconds: float) -> int:
    """Return how often it was asked within so many turns of one second."""
    count = 0
    for _ in range(int(seconds)):
        later(1.0)
        count += one.wants_asking()
    return count


def test_one_that_answers_is_asked_now_and_then_and_never_frozen(later: Later) -> None:
    one = Pulse(_at=clock.monotonic())

    for _ in range(20):
        assert questions(one, later, ASK_AFTER) == 1
        assert not one.frozen
        one.heard()


def test_one_that_is_silent_gets_no_runs_for_a_while_and_is_frozen_then(later: Later) -> None:
    one = Pulse(_at=clock.monotonic())

    def after(seconds: float) -> tuple[int, bool, bool]:
        asked = questions(one, later, seconds)
        return asked, one.doubtful, one.frozen

    assert after(DOUBTFUL_AFTER - 1) == (1, False, False)
    assert after(FROZEN_AFTER - DOUBTFUL_AFTER) == (0, True, False)
    assert after(1) == (0, True, True)


def test_time_that_the_supervisor_slept_through_hardly_counts(later: Later) -> None:
    one = Pulse(_at=clock.monotonic())
    questions(one, later, ASK_AFTER)

    later(3600.0)
    one.wants_asking()

    assert not one.frozen


def test_only_the_process_that_was_met_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def send(target: Process, _: int) -> bool:
        sent.append(target.pid)
        return True

    monkeypatch.setattr(processes, "send", send)
    one = Pulse()

    assert not one.end()
    for nobody in (0, -1, 1):
        one.begin(nobody)
        assert not one.end()
    one.begin(os.getpid())
    assert one.end()
    assert sent == [os.getpid()]
