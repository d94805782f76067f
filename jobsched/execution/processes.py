"""Facts about processes, read from /proc, and signals that can only reach the one meant.

A pid alone is never trusted: a process is a pid *and* the kernel's start time. Standard library
only: the runner imports this.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobsched.execution.protocol import COOKIE

TICKS = os.sysconf("SC_CLK_TCK")
_MOST_WORDS = 3 * 2**20  # bytes of memory early in an exec: its arguments, as a rule 2 MiB at most
_LONGEST_EXEC = 0.5  # seconds; it takes some microseconds, more where the processor is short
_AGAIN = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process as /proc/PID/stat shows it; times in kernel clock ticks."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    cpu: int  # its own and that of the children it has waited for
    start_time: int

    @property
    def gone(self) -> bool:
        """Whether it has ended and only waits to be reaped."""
        return self.state in "ZX"


def process(pid: int) -> Process | None:
    """Return the process *pid*, None if there is none."""
    text = _stat(pid)
    if text is None:
        return None
    fields = text.split(b" ", 20)
    return Process(
        pid=pid,
        state=fields[0].decode("ascii"),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        cpu=sum(map(int, fields[11:15])),
        start_time=int(fields[19]),
    )


def _stat(pid: int) -> bytes | None:
    """Return the fields of /proc/PID/stat from the state on, None if there is no such process."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(file, 1024)
    except ProcessLookupError:
        return None
    finally:
        os.close(file)
    # The name stands in parentheses and may itself contain any character.
    return text[text.rindex(b")") + 2 :]


def in_exec(pid: int) -> bool:
    """Return whether *pid* is in the middle of an exec.

    It has its new memory then, but the kernel has not put its words there yet: arguments and
    environment read as empty. Whoever started it (posix_spawn, vfork) may be running already.
    """
    text = _stat(pid)
    if text is None:
        return False
    fields = text.split(b" ")
    size, start_of_code, end_of_environment = int(fields[20]), fields[23], fields[48]
    if size == 0 or end_of_environment != b"0":  # without memory: ended, or the kernel's own
        return False
    # 1 stands for what is not for us to see.
    return start_of_code != b"1" or (size <= _MOST_WORDS and _is_of_our_user(pid))


def _is_of_our_user(pid: int) -> bool:
    # Early in an exec nobody may look into a process, its own user neither; its folder stays his.
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def start_time(pid: int) -> int:
    """Return when *pid* was started, in clock ticks since boot; 0 when there is none."""
    found = process(pid)
    return 0 if found is None else found.start_time


def handles(pid: int, number: int) -> bool:
    """Return whether the process *pid* has a handler for signal *number*."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            caught = next((line for line in file if line.startswith("SigCgt:")), "SigCgt: 0")
    except OSError:
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def all_processes() -> dict[int, Process]:
    """Return every process of the machine by its pid."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {one.pid: one for one in found if one is not None}


class ChildCount:
    """Counts the children of this single-threaded process, adopted and unreaped ones included.

    It keeps the kernel's list open: opening it anew costs three times as much as reading it.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        try:
            path = f"/proc/{self._pid}/task/{self._pid}/children"
            self._list = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
            self._list = -1

    def __len__(self) -> int:
        if self._list < 0:
            return sum(one.parent == self._pid for one in all_processes().values())
        count = offset = 0
        while block := os.pread(self._list, 1 << 16, offset):
            offset += len(block)
            count += block.count(b" ")  # one after each pid
        return count

    def close(self) -> None:
        """Give back the kernel's list."""
        if self._list >= 0:
            os.close(self._list)
        self._list = -1


def _read_all(file: int) -> bytes:
    blocks = []
    while block := os.read(file, 1 << 16):
        blocks.append(block)
    return b"".join(blocks)


class Tree:
    """Who is whose child, of *everyone* (default: all processes of this moment)."""

    def __init__(self, everyone: Iterable[Process] | None = None) -> None:
        self._by_parent: dict[int, list[Process]] = {}
        for one in all_processes().values() if everyone is None else everyone:
            self._by_parent.setdefault(one.parent, []).append(one)

    def children(self, pid: int) -> list[Process]:
        """Return the children of *pid*, ended ones that nobody has reaped included."""
        return self._by_parent.get(pid, [])

    def branch(self, top: Process) -> list[Process]:
        """Return *top* and all below it, parents before their children."""
        found = [top]
        for one in found:
            found.extend(self.children(one.pid))
        return found


def cookie_of(pid: int) -> str | None:
    """Return the run's cookie in the environment that *pid* was started with, or None."""
    return _cookie_in(_environment(pid))


def _environment(pid: int) -> bytes:
    """Return the environment of *pid*; b"" if there is none, or it is not for us.

    An exec under way is waited for. Else a process would have no cookie in the very moment when
    everything that carries it is to be ended, and would live on.
    """
    deadline = time.monotonic() + _LONGEST_EXEC
    while not (text := _environment_now(pid)):
        settled = not in_exec(pid) or time.monotonic() > deadline
        if settled:
            return _environment_now(pid)  # it may have come between the two looks
        time.sleep(_AGAIN)
    return text


def _environment_now(pid: int) -> bytes:
    try:
        file = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return _read_all(file)
    except OSError:
        return b""
    finally:
        os.close(file)


def _cookie_in(environment: bytes) -> str | None:
    name = f"{COOKIE}=".encode("ascii")
    for line in environment.split(b"\0"):
        if line.startswith(name):
            return line[len(name) :].decode("ascii", "replace")
    return None


def send(target: Process, number: int) -> bool:
    """Signal exactly *target*; return False when it is gone or its pid is another's by now."""
    if target.pid <= 1 or target.pid == os.getpid():
        return False
    try:
        handle = os.pidfd_open(target.pid)
    except OSError:
        return False
    try:
        # The descriptor is fixed to whoever has the pid now; is it still the one we mean?
        if start_time(target.pid) != target.start_time:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def kill_all(find: Callable[[], Iterable[Process]]) -> set[int]:
    """Kill what *find* finds, again and again until that is nothing new; return the pids.

    Stopping them first keeps a crowd from forking faster than it is killed.
    """
    killed: set[int] = set()
    while fresh := [one for one in find() if one.pid not in killed]:
        reached = [one for one in fresh if send(one, signal.SIGSTOP)]
        killed.update(one.pid for one in fresh)
        for one in reached:
            send(one, signal.SIGKILL)
    return killed
