"""An empty task process that forks a fresh one for each run (``jobsched.isolation = fork``).

Standard library only: it lives in the task process.
"""

import atexit
import errno
import gc
import os
import threading
from collections.abc import Callable
from typing import NoReturn

from jobsched.execution.task import streams
from jobsched.execution.task.channel import Channel, Message
from jobsched.execution.task.worker import Worker, replace_environment

_UNABLE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM})


class Zygote:
    """Makes the processes; each is the runner's own child, so that it reads their exact end."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._make = _sibling
        streams.flush()  # what it needs is loaded here, once for all children
        _sibling_fork()
        gc.freeze()

    def fork(self, message: Message) -> None:
        """Start the process for the run of *message* and tell the runner its pid.

        Three descriptors came with the message: its stdout, its stderr, its control socket.
        """
        descriptors = self._channel.descriptors(3)
        who = {"run": message.get("run"), "claim": message.get("claim")}
        try:
            pid = self._forked(lambda: self._become(message, descriptors))
            self._channel.tell({"op": "forked", **who, "pid": pid})
        except OSError as error:
            reason = f"no process could be made: {error.strerror}"
            self._channel.tell({"op": "unforked", **who, "errno": error.errno, "reason": reason})
        for descriptor in descriptors:
            os.close(descriptor)

    def _forked(self, become: Callable[[], NoReturn]) -> int:
        try:
            return self._make(become)
        except OSError as error:
            if error.errno not in _UNABLE or self._make is _orphan:
                raise
        self._make = _orphan  # this kernel, or what guards it, does not let us
        return self._make(become)

    def _become(self, message: Message, descriptors: list[int]) -> NoReturn:
        """Be the process of one run, from its load to its exit code."""
        out, err, control = descriptors
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        self._channel.close()
        worker = Worker(Channel(control), before_end=_finish)
        replace_environment(message.get("env") or {})
        worker.load(message["task"])
        os._exit(worker.call(message))


def _finish() -> None:
    """Do what Python does at the end of a program: threads are waited for, atexit is obeyed."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001


def _sibling(become: Callable[[], NoReturn]) -> int:
    """Run *become* in a session of its own, as a child of our parent, and return its pid.

    Raises: OSError.
    """
    pid = _sibling_fork()()
    if pid == 0:
        _live(become)
    return pid


def _sibling_fork() -> Callable[[], int]:
    from jobsched.execution.task import sibling  # ctypes: not in warm workers

    return sibling.fork


def _orphan(become: Callable[[], NoReturn]) -> int:
    """Run *become* in a session of its own, two forks away, and return its pid.

    Its parent has ended when this returns: the nearest subreaper, the runner, has inherited it.
    Raises: OSError if there is no process to be had.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as told:
        try:
            middle = os.fork()
            if middle == 0:
                _start(become, writing)
        finally:
            os.close(writing)
        os.waitpid(middle, 0)
        pid, _, error = told.read().partition(b" ")
    if error:
        raise OSError(int(error), os.strerror(int(error)))
    return int(pid)


def _start(become: Callable[[], NoReturn], writing: int) -> NoReturn:
    """Fork again; tell *writing* the pid once it leads its session, or ``0`` and the error."""
    try:
        waiting, ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            _enter(become, (waiting, ready, writing))
        os.close(ready)
        os.read(waiting, 1)
        os.write(writing, b"%d" % pid)
    except OSError as error:
        os.write(writing, b"0 %d" % (error.errno or 0))
    finally:
        os._exit(0)


def _enter(become: Callable[[], NoReturn], pipes: tuple[int, ...]) -> NoReturn:
    try:
        os.setsid()
        for pipe in pipes:
            os.close(pipe)
    finally:
        _live(become)


def _live(become: Callable[[], NoReturn]) -> NoReturn:
    """Be what *become* makes of this process, and nothing after that."""
    try:
        become()
    except BaseException as error:  # the edge of a process: becoming failed
        streams.print_traceback(error)
    finally:
        os._exit(70)  # EX_SOFTWARE
