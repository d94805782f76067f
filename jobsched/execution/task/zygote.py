"""An empty task process that forks a fresh one for each run (``jobsched.isolation = fork``).

Standard library only: it lives in the task process.
"""

import atexit
import gc
import os
import threading
from collections.abc import Callable
from typing import NoReturn

from jobsched.execution.task import streams
from jobsched.execution.task.channel import Channel, Message
from jobsched.execution.task.worker import Worker, replace_environment


class Zygote:
    """Makes the processes; each is the runner's own child, so that it reads their exact end."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        streams.flush()  # what it needs is loaded here, once for all children
        gc.freeze()

    def fork(self, message: Message) -> None:
        """Start the process for the run of *message* and tell the runner its pid.

        Three descriptors came with the message: its stdout, its stderr, its control socket.
        """
        descriptors = self._channel.descriptors(3)
        who = {"run": message.get("run"), "claim": message.get("claim")}
        try:
            pid = _orphan(lambda: self._become(message, descriptors))
            self._channel.tell({"op": "forked", **who, "pid": pid})
        except OSError as error:
            reason = f"no process could be made: {error.strerror}"
            self._channel.tell({"op": "unforked", **who, "errno": error.errno, "reason": reason})
        for descriptor in descriptors:
            os.close(descriptor)

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
        become()
    except BaseException as error:  # the edge of a process: becoming failed
        streams.print_traceback(error)
    finally:
        os._exit(70)  # EX_SOFTWARE
