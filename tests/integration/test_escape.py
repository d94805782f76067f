"""The escape artist: whatever a run leaves behind is gone with it, however it hides.

Two hundred descendants, each forked twice into a session of its own, deaf to TERM, half of them
without a variable in their environment. They write down who they are; the test asks the kernel.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import runs
from tests.support.server import Server
from tests.support.waiting import until

CROWD = 200
GRACE = 0.5
WITHIN = GRACE + 1 + 2  # seconds; the last two for a machine that has other things to do
CATALOG = """\
[artist]
file=runscript.py
class=RunScript
script=artist.py

[quitter]
file=runscript.py
class=RunScript
script=quitter.py

[generous]
file=runscript.py
class=RunScript
script=quitter.py
jobsched.detach=true

[hydra]
file=runscript.py
class=RunScript
script=hydra.py

[plain]
file=runscript.py
class=RunScript
script=plain.sh

[warm]
file=artist_task.py
class=Artist

[forked]
file=artist_task.py
class=Artist
jobsched.isolation=fork
"""
ESCAPE = '''\
import os, signal, sys
BOOK = {book!r}

def escape(shed):
    """Fork twice; the grandchild leaves session, signals and, if *shed*, its variables."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    for handle in (0, 1, 2):
        os.close(handle)
    handle = os.open(BOOK, os.O_WRONLY | os.O_APPEND)
    os.write(handle, b"%d\\n" % os.getpid())
    os.execve("/bin/sleep", ["sleep", "600"], {{}} if shed else dict(os.environ))

def crowd(count):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number in range(count):
        escape(number % 2)
    print("escaped", flush=True)
'''
TASK = """\
import signal
from escape import crowd

class Artist:
    def __call__(self, info):
        crowd({crowd})
        while True:
            signal.pause()
"""
# A new process every few milliseconds, the old one gone: there is never anybody to find.
HYDRA = """\
import os, time
from escape import BOOK
print("escaped", flush=True)
if os.fork() == 0:
    os.setsid()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
"""


class Theatre:
    """A server, its artists, and the book in which they wrote their names."""

    def __init__(self, folder: Path) -> None:
        self.book = folder / "book"
        self.book.touch()
        escape = ESCAPE.format(book=str(self.book))
        crowd = f"from escape import crowd\ncrowd({CROWD})\n"
        self.server = Server(
            folder / "server",
            catalog=CATALOG,
            cfg=f"JOB_LIVETIME = 0\nGRACE = {GRACE}\nRUNNERS = 1\n",
            files={
                "escape.py": escape,
                "artist.py": crowd + "import signal\nwhile True: signal.pause()\n",
                "quitter.py": crowd + "raise SystemExit(7)\n",
                "hydra.py": HYDRA,
                "plain.sh": "echo fine\n",
            },
            tasks={"escape.py": escape, "artist_task.py": TASK.format(crowd=CROWD)},
        )

    def perform(self, task: str, **more: object) -> int:
        run = runs.start(self.server, task, **more)
        until(lambda: runs.output(self.server, run) == b"escaped\n", 30, "all have escaped")
        return run

    def crowd(self) -> list[psutil.Process]:
        """Return those in the book that live."""
        found = []
        for pid in map(int, self.book.read_text().split()):
            try:
                process = psutil.Process(pid)
                if process.name() == "sleep":
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def full_crowd(self, runs: int = 1) -> list[psutil.Process]:
        """Return all of them; the last ones become what they are after the word of their parent."""
        until(lambda: len(self.crowd()) == runs * CROWD, 30, "the whole crowd")
        return self.crowd()

    def close(self) -> None:
        for process in self.crowd():
            process.kill()


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    try:
        with theatre.server:
            yield theatre
    finally:
        theatre.close()


@pytest.mark.parametrize("task", ["artist", "warm", "forked"])
def test_nobody_is_left_after_a_stop(theatre: Theatre, task: str) -> None:
    run = theatre.perform(task)
    crowd = theatre.full_crowd()

    theatre.server.post(f"/runs/{run}/stop", json={"reason": "enough"})

    _, left = psutil.wait_procs(crowd, timeout=WITHIN)
    assert left == []
    row = runs.done(theatre.server, run)
    assert (row["outcome"], row["ended_by"], row["signal"]) == ("stopped", "stop", 9)
    assert row["reason"] == "stopped by loopback: enough"


def test_nobody_is_left_after_a_timeout(theatre: Theatre) -> None:
    run = theatre.perform("artist", timeout=6)
    crowd = theatre.full_crowd()

    _, left = psutil.wait_procs(crowd, timeout=6 + WITHIN)

    assert left == []
    row = runs.done(theatre.server, run)
    assert (row["outcome"], row["signal"]) == ("timed_out", signal.SIGKILL)


def test_nobody_is_left_after_an_ordinary_end(theatre: Theatre) -> None:
    run = theatre.perform("quitter")

    row = runs.done(theatre.server, run, WITHIN)

    assert theatre.crowd() == []
    assert (row["outcome"], row["exit_code"], row["ended_by"]) == ("failed", 7, "exit")


def test_who_may_leave_children_keeps_them(theatre: Theatre) -> None:
    run = theatre.perform("generous")

    row = runs.done(theatre.server, run)
    other = runs.start(theatre.server, "plain")

    assert (row["outcome"], row["exit_code"]) == ("failed", 7)
    assert runs.done(theatre.server, other)["outcome"] == "succeeded"
    assert theatre.full_crowd()


def test_who_may_leave_children_loses_them_when_stopped(theatre: Theatre) -> None:
    job = theatre.server.post(
        "/jobs", json={"task": "artist", "name": "a", "mode": "triggered", "detach": True}
    ).headers["Location"]
    run = runs.id_of(theatre.server.post(f"{job}/run"))
    crowd = theatre.full_crowd()

    theatre.server.post(f"/runs/{run}/stop")

    assert psutil.wait_procs(crowd, timeout=WITHIN)[1] == []
    assert runs.done(theatre.server, run)["outcome"] == "stopped"


def test_two_runs_at_once_lose_only_their_own(theatre: Theatre) -> None:
    first = theatre.perform("artist")
    mine = theatre.full_crowd()
    second = theatre.perform("artist")
    others = [one for one in theatre.full_crowd(2) if one not in mine]

    theatre.server.post(f"/runs/{first}/stop")

    runs.done(theatre.server, first)
    assert psutil.wait_procs(mine, timeout=WITHIN)[1] == []
    assert all(one.is_running() for one in others)
    assert runs.row(theatre.server, second)["state"] == "running"


def test_a_process_that_is_never_there_does_not_hold_up_the_others(theatre: Theatre) -> None:
    hydra = theatre.perform("hydra")

    other = runs.start(theatre.server, "plain")
    again = runs.start(theatre.server, "plain")

    assert runs.done(theatre.server, other)["outcome"] == "succeeded"
    assert runs.done(theatre.server, again)["outcome"] == "succeeded"
    row = runs.done(theatre.server, hydra, 30)
    assert (row["outcome"], row["exit_code"]) == ("succeeded", 0)
