"""What a job may not do: identity, resource limits, no new privileges; applied before its exec.

Runs in a forked child of the small, single-threaded runner, so plain Python is safe there.
Standard library only: the runner imports this.
"""

import ctypes
import os
import resource
from collections.abc import Mapping
from typing import Any

from jobsched.execution.protocol import Identity

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# Key of ``limits`` -> what the kernel calls it. Values: whole numbers (bytes, seconds, counts).
RESOURCES: Mapping[str, int] = {
    "address_space": resource.RLIMIT_AS,
    "core": resource.RLIMIT_CORE,
    "cpu_seconds": resource.RLIMIT_CPU,
    "file_size": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Make every orphan below this process its child. Raises: OSError."""
    _prctl(_PR_SET_CHILD_SUBREAPER)


def forbid_new_privileges() -> None:
    """Make set-uid programs powerless for this process and its children. Raises: OSError."""
    _prctl(_PR_SET_NO_NEW_PRIVS)


def show_name(name: str) -> None:
    """Show *name* (15 bytes of it) where processes are listed by their names."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def _prctl(option: int) -> None:
    if _libc.prctl(option, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def unknown_limits(limits: Mapping[str, Any]) -> list[str]:
    """Return the keys of *limits* that nothing here applies."""
    return [name for name in limits if name not in RESOURCES and name != "no_new_privs"]


def apply(limits: Mapping[str, Any], run_as: Identity | None) -> None:
    """Bind this process, for good, to *limits* and the identity *run_as*. Raises: OSError."""
    for name, kind in RESOURCES.items():
        if name in limits:
            _lower(kind, int(limits[name]))
    if run_as is not None:
        # Supplementary groups first, the user last: afterwards nothing of it is allowed.
        os.setgroups(run_as.groups)
        os.setresgid(run_as.gid, run_as.gid, run_as.gid)
        os.setresuid(run_as.uid, run_as.uid, run_as.uid)
    if limits.get("no_new_privs", run_as is not None):
        forbid_new_privileges()


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def oom_score() -> int:
    """Return how readily the kernel kills this process when memory runs out (-1000..1000)."""
    with open("/proc/self/oom_score_adj", encoding="ascii") as score:
        return int(score.read())


def set_oom_score(pid: int | str, score: int) -> bool:
    """Set how readily the kernel kills *pid* when memory runs out; False where not allowed."""
    try:
        file = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(file, b"%d" % score)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
