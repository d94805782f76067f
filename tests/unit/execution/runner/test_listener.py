"""The runner's socket: one supervisor, the newest, and never a word lost while it listens."""

import errno
import json
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsched.execution import protocol
from jobsched.execution.protocol import Message
from jobsched.execution.runner.listener import Listener
from jobsched.execution.runner.loop import Loop
from tests.support.waiting import until

BIG = "x" * 300_000  # more than a socket takes at once


class Post:
    """A listener in *folder* that greets whoever says hello, and a loop to turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = Loop()
        self.heard: list[Message] = []
        self.listener = Listener(self.loop, self._obey)

    def _obey(self, message: Message) -> None:
        self.heard.append(message)
        self.listener.greeted = True

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until *condition*."""

        def turned() -> object:
            self.turn()
            return condition()

        until(turned)

    def turn(self) -> None:
        self.loop.at(self.loop.now, "a turn at least", lambda: None)
        self.loop.turn()
        self.listener.flush()

    def greeted_by(self) -> socket.socket:
        """Return a supervisor's end that has said hello."""
        end = protocol.connect(self.folder)
        end.setblocking(False)
        end.sendall(b'{"op": "hello"}\n')
        known = len(self.heard)
        self.until(lambda: len(self.heard) > known)
        return end

    def read(self, end: socket.socket, lines: int) -> list[Any]:
        received = bytearray()

        def enough() -> bool:
            self.turn()
            if select.select([end], [], [], 0)[0]:
                received.extend(end.recv(1 << 20))
            return received.count(b"\n") >= lines

        until(enough)
        return [json.loads(line) for line in received.splitlines()]


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    monkeypatch.chdir(tmp_path)
    post = Post(tmp_path)
    yield post
    post.listener.close()
    post.loop.close()


def test_a_supervisor_that_does_not_read_gets_everything_later(post: Post) -> None:
    with post.greeted_by() as supervisor:
        for number in range(3):
            post.listener.tell({"number": number, "text": BIG})
            post.turn()

        assert [line["number"] for line in post.read(supervisor, 3)] == [0, 1, 2]


def test_a_newer_supervisor_replaces_the_older(post: Post) -> None:
    with post.greeted_by() as older, post.greeted_by() as newer:
        post.listener.tell({"op": "pong"})

        assert post.read(newer, 1) == [{"op": "pong"}]
        assert older.recv(100) == b""


def test_nobody_hears_what_is_told_before_the_greeting(post: Post) -> None:
    with protocol.connect(post.folder) as supervisor:
        post.until(lambda: post.listener.connected)
        post.listener.tell({"op": "ended"})
        supervisor.sendall(b'{"op": "hello"}\n')
        post.until(lambda: post.heard)
        post.listener.tell({"op": "state"})

        assert post.read(supervisor, 1) == [{"op": "state"}]


def test_a_supervisor_that_is_gone_is_noticed_by_telling(post: Post) -> None:
    post.greeted_by().close()
    post.listener.tell({"op": "ended"})

    post.listener.flush()

    assert not post.listener.connected


def test_without_descriptors_it_listens_again_a_little_later(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [OSError(errno.EMFILE, os.strerror(errno.EMFILE))]
    accept = socket.socket.accept

    def short(listening: socket.socket) -> Any:
        if refusals:
            raise refusals.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", short)

    with post.greeted_by():
        assert refusals == []
        assert post.heard == [{"op": "hello"}]
