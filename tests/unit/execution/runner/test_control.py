"""The control socket of a task process: nothing blocks, nothing is lost, nothing stays open."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsched.execution.protocol import Message
from jobsched.execution.runner.control import Control
from jobsched.execution.runner.loop import Loop
from tests.support.waiting import until

BIG = "x" * 300_000  # more than a socket takes at once


class Line:
    """A control and the task process's end of it."""

    def __init__(self) -> None:
        self.loop = Loop()
        mine, self.its = socket.socketpair()
        self.its.settimeout(10)
        self.heard: list[Message] = []
        self.control = Control(self.loop, mine, self.heard.append)

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until *condition*."""

        def turned() -> object:
            self.turn()
            return condition()

        until(turned)

    def turn(self) -> None:
        self.loop.at(self.loop.now, "a turn at least", lambda: None)
        self.loop.turn()

    def close(self) -> None:
        self.control.close()
        self.its.close()
        self.loop.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def a_descriptor() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").exists()


def test_descriptors_go_with_their_message_and_are_closed_here(line: Line) -> None:
    descriptor = a_descriptor()

    line.control.send({"op": "fork"}, [descriptor])

    assert not is_open(descriptor)
    data, received, _, _ = socket.recv_fds(line.its, 1000, 3)
    assert json.loads(data) == {"op": "fork"}
    assert len(received) == 1
    os.close(received[0])


def test_a_process_that_does_not_read_gets_everything_later_in_its_order(line: Line) -> None:
    line.control.send({"first": BIG})
    descriptor = a_descriptor()
    line.control.send({"second": BIG}, [descriptor])
    assert is_open(descriptor)
    received = bytearray()
    line.its.setblocking(False)

    def read() -> bool:
        line.turn()
        try:
            received.extend(line.its.recv(1 << 20))
        except BlockingIOError:
            return False
        return received.count(b"\n") == 2

    until(read)

    assert [list(json.loads(text)) for text in received.splitlines()] == [["first"], ["second"]]
    assert not is_open(descriptor)


def test_what_waits_for_a_process_that_has_gone_is_closed(line: Line) -> None:
    line.control.send({"first": BIG})
    descriptor = a_descriptor()
    line.control.send({"second": 2}, [descriptor])

    line.its.close()
    line.until(lambda: line.control.closed)

    assert not is_open(descriptor)


def test_sending_to_a_process_that_has_gone_is_no_failure(line: Line) -> None:
    descriptor = a_descriptor()
    line.its.close()

    line.control.send({"op": "fork"}, [descriptor])

    assert not is_open(descriptor)


def test_the_last_words_of_a_process_are_heard(line: Line) -> None:
    line.its.sendall(b'{"op": "loaded"}\n{"op": "en')
    line.turn()
    line.its.sendall(b'ded"}\n')
    line.its.close()

    line.until(lambda: line.control.closed)

    assert line.heard == [{"op": "loaded"}, {"op": "ended"}]


def test_nonsense_ends_the_connection(line: Line) -> None:
    line.its.sendall(b"what?\n")

    line.until(lambda: line.control.closed)

    assert line.heard == []


def test_what_a_process_read_before_it_left_is_not_unread(line: Line) -> None:
    line.control.send({"op": "call"})
    line.its.recv(1000)

    line.its.close()
    line.until(lambda: line.control.closed)

    assert not line.control.unread


def test_what_a_process_has_not_read_when_it_leaves_is_unread(line: Line) -> None:
    line.its.sendall(b'{"op": "loaded"}\n')
    line.control.send({"op": "call"})

    line.its.close()
    line.until(lambda: line.control.closed)

    assert line.heard == [{"op": "loaded"}]
    assert line.control.unread


def test_what_is_sent_to_a_process_that_has_left_is_unread(line: Line) -> None:
    line.its.close()

    line.control.send({"op": "call"})

    assert line.control.unread
