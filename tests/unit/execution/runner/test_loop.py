import os
import signal
from collections.abc import Iterator

import pytest

from jobsched.execution.runner.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_timers_come_in_their_order(loop: Loop) -> None:
    heard: list[str] = []
    loop.at(loop.now + 0.02, "b", lambda: heard.append("b"))
    loop.at(loop.now + 0.01, "a", lambda: heard.append("a"))

    while len(heard) < 2:
        loop.turn()

    assert heard == ["a", "b"]


def test_a_name_has_one_moment(loop: Loop) -> None:
    heard: list[str] = []
    loop.at(loop.now, "x", lambda: heard.append("old"))
    loop.at(loop.now + 0.01, "x", lambda: heard.append("new"))

    while not heard:
        loop.turn()
    loop.at(loop.now, "end", lambda: heard.append("end"))
    loop.turn()

    assert heard == ["new", "end"]


def test_a_cancelled_timer_never_comes(loop: Loop) -> None:
    heard: list[str] = []
    loop.at(loop.now, "x", lambda: heard.append("x"))
    loop.cancel("x")
    loop.at(loop.now, "y", lambda: heard.append("y"))

    loop.turn()

    assert heard == ["y"]


def test_moved_timers_do_not_pile_up(loop: Loop) -> None:
    for _ in range(10_000):
        loop.at(loop.now + 1000, "x", lambda: None)

    assert loop.waiting < 200


def test_ready_descriptors_are_handled_until_unwatched(loop: Loop) -> None:
    reader, writer = os.pipe()
    heard: list[bytes] = []
    loop.watch(reader, lambda: heard.append(os.read(reader, 10)))
    os.write(writer, b"a")
    loop.turn()
    loop.unwatch(reader)
    os.write(writer, b"b")
    loop.at(loop.now, "end", lambda: None)

    loop.turn()
    os.close(reader)
    os.close(writer)

    assert heard == [b"a"]


def test_a_signal_is_heard_in_the_loop(loop: Loop) -> None:
    heard: list[int] = []
    old = signal.getsignal(signal.SIGUSR1)
    loop.watch_signal(signal.SIGUSR1, lambda: heard.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)

    while not heard:
        loop.turn()
    signal.signal(signal.SIGUSR1, old)

    assert heard in ([1], [1, 1])


def test_a_mistake_in_one_handler_is_told_and_harms_no_other(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []
    loop.at(loop.now, "broken", lambda: heard.remove("nothing"))
    loop.at(loop.now, "whole", lambda: heard.append("whole"))

    loop.turn()

    assert heard == ["whole"]
    assert "ValueError" in capsys.readouterr().err
