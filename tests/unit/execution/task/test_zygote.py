"""A zygote that gets no process says so and keeps nothing open."""

import errno
import json
import os
import socket

import pytest

from jobsched.execution.task.channel import Channel
from jobsched.execution.task.zygote import Zygote


def test_no_process_to_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach())
    zygote = Zygote(channel)

    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", refuse)
    zygote.fork({"run": 7, "claim": 2})
    channel.close()

    with ours, ours.makefile("rb") as lines:
        assert json.loads(lines.read()) == {
            "op": "unforked",
            "run": 7,
            "claim": 2,
            "errno": errno.EAGAIN,
            "reason": "no process could be made: Resource temporarily unavailable",
        }
