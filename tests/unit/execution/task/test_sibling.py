"""What a zygote forks is its parent's child, in a session of its own, with its exact end."""

import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from jobsched.execution.task import sibling


def _end_of_sibling(work: Callable[[], int]) -> tuple[int, int]:
    """Let a child fork a sibling that does *work*; return its parent and how it ended."""
    reading, writing = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        pid = sibling.fork()
        if pid == 0:
            os.write(writing, b"%d %d" % (os.getppid(), os.getpid()))
            os._exit(work())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        parent, pid = map(int, told.read().split())
    os.waitpid(zygote, 0)
    return parent, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _threads() -> int:
    ran: list[int] = []
    thread = threading.Thread(target=lambda: ran.append(threading.get_native_id()))
    thread.start()
    thread.join()
    leads = os.getsid(0) == threading.get_native_id() == os.getpid()
    return 0 if leads and ran else 1


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (lambda: 7, 7),
        (os.abort, -signal.SIGABRT),
        (lambda: sys.exit(3), 70),
        (_threads, 0),
    ],
)
def test_a_sibling_is_our_parents_child_and_ends_exactly(work: Callable[[], int], end: int) -> None:
    def guarded() -> int:
        try:
            return work()
        except SystemExit:
            return 70

    assert _end_of_sibling(guarded) == (os.getpid(), end)
