"""The control socket as a task process sees it."""

import os
import socket
from collections.abc import Iterator

import pytest

from jobsched.execution.task.channel import Channel


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach())
    yield ours, channel
    channel.close()
    ours.close()


def test_messages_come_one_by_one_however_they_were_cut(
    pair: tuple[socket.socket, Channel],
) -> None:
    ours, channel = pair
    messages = iter(channel)

    ours.sendall(b'{"op": "a"}\n{"op"')
    first = next(messages)
    ours.sendall(b': "b"}\n')
    second = next(messages)

    assert (first, second) == ({"op": "a"}, {"op": "b"})


def test_messages_end_when_the_runner_closes(pair: tuple[socket.socket, Channel]) -> None:
    ours, channel = pair

    ours.close()

    assert list(channel) == []


def test_telling_a_runner_that_is_gone_is_no_error(pair: tuple[socket.socket, Channel]) -> None:
    ours, channel = pair

    ours.close()

    channel.tell({"op": "ended"})


def test_descriptors_are_taken_in_the_order_they_came(
    pair: tuple[socket.socket, Channel],
) -> None:
    ours, channel = pair
    reading, writing = os.pipe()

    socket.send_fds(ours, [b"{}\n"], [reading, writing])
    assert next(iter(channel)) == {}
    [first] = channel.descriptors(1)
    [second] = channel.descriptors(3)

    os.write(second, b"x")
    assert os.read(first, 1) == b"x"
    for descriptor in (reading, writing, first, second):
        os.close(descriptor)
