"""The processes of a folder: found by its path, ended by id and start time (psutil compares it)."""

import os
import re
from contextlib import suppress
from pathlib import Path

import psutil

from jobsched.execution import processes
from tests.support.waiting import until


def command_of(process: psutil.Process) -> list[str]:
    """Return the command line of *process*, [] once it has ended.

    Between a fork and the end of the exec there is none to be read: that is waited for.
    """
    with suppress(psutil.NoSuchProcess):
        until(lambda: not processes.in_exec(process.pid))
        return process.cmdline()
    return []


def newest() -> int:
    """Return the id that was given last to a process or thread of this machine."""
    return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[-1])


def processes_of(folder: Path, after: int = 0) -> list[psutil.Process]:
    """Return what lives and names *folder*: in its command line, environment or directory.

    This process and the ones that started it do not count; nor does, to be quick about it, what
    was there when *after* was the newest.
    """
    mark = re.compile(re.escape(os.fsencode(folder)) + rb"(?![^/\0:])")
    found: list[psutil.Process] = []
    # Ids are given in ascending order until they begin again from below: then all may be new.
    old = after if after <= newest() else 0
    for pid in (pid for pid in psutil.pids() if pid > old):
        with suppress(OSError, psutil.Error):
            if pid != os.getpid() and mark.search(_words(pid)):
                found.append(psutil.Process(pid))
    callers = psutil.Process().parents() if found else []
    return [process for process in found if process not in callers and lives(process)]


def lives(process: psutil.Process) -> bool:
    """Return whether *process* has not ended; what nobody has taken note of yet has ended."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def end_all(folder: Path) -> list[str]:
    """Kill every process of *folder* until there is none; return what they were."""
    killed: list[str] = []
    while living := processes_of(folder):
        for process in living:
            with suppress(psutil.Error):
                killed.append(f"{process.pid} {' '.join(process.cmdline())}")
                process.kill()
        _, stuck = psutil.wait_procs(living, timeout=10)
        assert not stuck, f"do not end: {stuck}"
    return killed


def _words(pid: int) -> bytes:
    """Return all words of a process, one after the other; nothing of a zombie or the kernel's."""
    until(lambda: not processes.in_exec(pid))
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    if not command:
        return b""
    directory = os.fsencode(Path(f"/proc/{pid}/cwd").readlink())
    return b"\0".join((command, Path(f"/proc/{pid}/environ").read_bytes(), directory))
