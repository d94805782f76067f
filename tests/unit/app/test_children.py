"""A part as its parent has it: its heartbeat, its death, its replacement."""

import os
import signal
from collections.abc import Iterator

import pytest

from jobsched import clock
from jobsched.app import children
from jobsched.app.children import Beat, Child
from tests.support.waiting import until


@pytest.fixture
def born() -> Iterator[list[Child]]:
    family: list[Child] = []
    yield family
    for child in family:
        child.kill()
        until(child.reaped)


def has_beaten(child: Child) -> bool:
    child.listen()
    return child.beaten


def lasting(beat: Beat) -> int:
    beat()
    signal.pause()
    return 0


def test_a_part_gives_signs_of_life(born: list[Child]) -> None:
    child = Child(name="web", main=lasting)
    born.append(child)

    child.start()

    assert not child.beaten
    until(lambda: has_beaten(child))
    assert not child.stale


def test_a_part_lives_in_a_group_of_its_own(born: list[Child]) -> None:
    child = Child(name="web", main=lasting)
    born.append(child)

    child.start()

    until(lambda: has_beaten(child))
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_a_part_without_a_sign_is_stale(born: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(name="web", main=lasting)
    born.append(child)
    child.start()

    monkeypatch.setattr(children, "STALE_AFTER", -1.0)

    assert child.stale
    child.kill()
    assert not child.stale  # told once, however long its end takes


def test_the_exit_code_of_a_part_is_told_once() -> None:
    child = Child(name="web", main=lambda beat: 2)
    child.start()

    assert until(child.reaped) == 2
    assert child.reaped() is None
    assert child.pid == 0


def test_a_killed_part_is_told_by_its_signal() -> None:
    child = Child(name="web", main=lasting)
    child.start()

    child.kill()

    assert until(child.reaped) == -signal.SIGKILL


def test_a_part_that_dies_young_is_restarted_later_each_time() -> None:
    child = Child(name="web", main=lambda beat: 1)
    waits = []

    for _ in range(7):
        child.start()
        until(lambda: child.reaped() is not None)
        waits.append(child.start_at - clock.monotonic())

    assert waits[0] > 0.05
    assert waits[0] < waits[1] < waits[2]
    assert waits[6] <= 2.0  # while a part is away nothing of its kind happens


def test_a_part_that_has_gone_wakes_nobody_before_it_is_reaped() -> None:
    child = Child(name="web", main=lambda beat: 0)
    child.start()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    child.listen()

    assert child.heartbeat == -1
    assert child.reaped() == 0
    assert child.pid == 0
