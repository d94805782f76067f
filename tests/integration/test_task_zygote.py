"""A process per run: forked out of a task process, ending like a program."""

import ctypes
import os
import re
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.support.task_host import CALL, TaskHost


@pytest.fixture
def subreaper() -> Iterator[None]:
    """Make this process inherit orphans, as a runner does."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)
    yield
    libc.prctl(36, 0, 0, 0, 0)


class Child:
    """A process that a zygote made."""

    def __init__(self, host: TaskHost, source: str, **message: object) -> None:
        self.host = host
        ours, theirs = socket.socketpair()
        out = os.open(host.folder / "child.out", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        err = os.open(host.folder / "child.err", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        fork = {"op": "fork", "run": 7, "claim": 1, "task": host.task(source), "info": {}}
        host.send_with({**fork, "env": dict(os.environ), **message}, [out, err, theirs.detach()])
        self.answer = host.answer()
        self.pid = int(self.answer["pid"])
        with ours, ours.makefile("rb") as lines:
            ours.settimeout(30)
            self.words = [re.sub(rb'.*"op": "(\w+)".*\n', rb"\1", line) for line in lines]

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def out(self) -> str:
        return (self.host.folder / "child.out").read_text(encoding="utf-8")


@pytest.mark.usefixtures("subreaper")
class TestZygote:
    def test_each_run_has_a_fresh_process(self, host: TaskHost) -> None:
        source = "import os\nprint('made', end=' ')\n" + CALL + "print(os.getpid(), os.getsid(0))\n"

        first = Child(host, source)
        second = Child(host, source)

        assert [first.wait(), second.wait()] == [0, 0]
        assert first.words == [b"loaded", b"ended"]
        assert first.answer == {"op": "forked", "run": 7, "claim": 1, "pid": first.pid}
        assert first.out == f"made {first.pid} {first.pid}\nmade {second.pid} {second.pid}\n"
        assert host.out == ""
        assert host.close() == 0

    def test_its_status_is_the_verdict(self, host: TaskHost) -> None:
        exits = Child(host, CALL + "raise SystemExit(3)")
        raises = Child(host, CALL + "1 / 0")
        breaks = Child(host, "1 / 0")
        leaves = Child(host, CALL + "import os; os._exit(7)")
        crashes = Child(host, CALL + "import ctypes; ctypes.string_at(0)")

        assert [exits.wait(), raises.wait(), breaks.wait()] == [3, 1, 1]
        assert [leaves.wait(), crashes.wait()] == [7, -signal.SIGSEGV]
        assert [exits.words[-1], breaks.words, leaves.words] == [
            b"ended",
            [b"failed"],
            [b"loaded"],
        ]

    def test_its_end_is_that_of_a_program(self, host: TaskHost) -> None:
        child = Child(
            host,
            "import atexit, threading\natexit.register(print, 'at exit')\n"
            + CALL
            + "threading.Timer(0.05, print, ['thread']).start()\n",
        )

        assert child.wait() == 0
        assert child.out == "thread\nat exit\n"

    def test_its_variables_are_those_of_the_run(self, host: TaskHost) -> None:
        child = Child(host, CALL + "import os; print(dict(os.environ))", env={"A": "1"})

        assert child.wait() == 0
        assert child.out == f"{{'A': '1', 'JOBSCHED_CONF_DIR': '{host.folder}'}}\n"
