"""A zygote that gets no process says so and keeps nothing open."""

import errno
import json
import os
import socket
from collections.abc import Callable

import pytest

from jobsched.execution.runner.limits import become_subreaper
from jobsched.execution.task import sibling
from jobsched.execution.task.channel import Channel
from jobsched.execution.task.zygote import Zygote


def _refusal(number: int) -> Callable[[], int]:
    def refuse() -> int:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("sibling_fails_with", [errno.EAGAIN, errno.ENOSYS, errno.EPERM])
def test_no_process_to_be_had_is_told(
    monkeypatch: pytest.MonkeyPatch, sibling_fails_with: int
) -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach())
    zygote = Zygote(channel)

    # Where the kernel knows no siblings, a grandchild is tried.
    monkeypatch.setattr(sibling, "fork", _refusal(sibling_fails_with))
    monkeypatch.setattr(os, "fork", _refusal(errno.EAGAIN))
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


def test_a_grandchild_is_adopted_where_the_kernel_makes_no_siblings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    become_subreaper()
    monkeypatch.setattr(sibling, "fork", _refusal(errno.ENOSYS))
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach())
    zygote = Zygote(channel)
    monkeypatch.setattr(zygote, "_become", lambda _message, _descriptors: os._exit(7))

    zygote.fork({"run": 7, "claim": 2})

    channel.close()
    with ours, ours.makefile("rb") as lines:
        pid = json.loads(lines.read())["pid"]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
