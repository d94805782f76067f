"""Forking a process that is not our child but our parent's.

``clone3`` with CLONE_PARENT; around it, Python's own steps before and after a fork. The C library
keeps the thread id of a process where the kernel writes it at the process's end, so the kernel is
asked for that place and told to write the child's id there: ``abort`` needs it.
Standard library only: it lives in the task process.
"""

import ctypes
import os

_CLONE3 = 435  # the same on all machines
_CLONE_PARENT = 0x8000
_CLONE_CHILD_CLEARTID = 0x200000
_CLONE_CHILD_SETTID = 0x1000000
_PR_GET_TID_ADDRESS = 40

_FIELDS = "flags pidfd child_tid parent_tid exit_signal stack stack_size tls"

_python = ctypes.pythonapi
_libc = ctypes.PyDLL(None, use_errno=True)  # keeps the GIL, as os.fork does


class _Arguments(ctypes.Structure):
    """``struct clone_args`` of linux/sched.h in its first size."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in _FIELDS.split())


def fork() -> int:
    """Return twice, as os.fork does: 0 in the new process, its pid here.

    The new process leads a session of its own by the time this returns here. Only for a process
    with a single thread. Raises: OSError, with ENOSYS or the like where the kernel cannot do it.
    """
    arguments = _arguments()
    waiting, ready = os.pipe()
    _python.PyOS_BeforeFork()
    pid: int = _libc.syscall(_CLONE3, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if pid == 0:
        _libc.setsid()
        _libc.write(ready, b"!", 1)
        _python.PyOS_AfterFork_Child()
    else:
        error = ctypes.get_errno()
        _python.PyOS_AfterFork_Parent()
    os.close(ready)
    if pid > 0:
        os.read(waiting, 1)
    os.close(waiting)
    if pid < 0:
        raise OSError(error, os.strerror(error))
    return pid


def _arguments() -> _Arguments:
    place = ctypes.c_void_p()
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(place), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    flags = _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    return _Arguments(flags=flags, child_tid=place.value or 0)
