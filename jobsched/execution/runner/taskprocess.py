"""Starting the program of task processes, for a warm worker or a zygote.

Standard library only: the runner imports this.
"""

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from jobsched.execution.protocol import SHORTAGES, StartRequest, encode
from jobsched.execution.runner import starting
from jobsched.execution.runner.children import Children


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A started task process, with our ends of its pipes and its control socket."""

    pid: int
    pipes: list[int]
    control: socket.socket


def new_cookie() -> str:
    """Return a cookie for a process that serves more than one run."""
    return f"worker-{os.urandom(16).hex()}"


def program_key(request: StartRequest) -> object:
    """Return what two runs must have in common to be served by the same process."""
    task = dict(request.task or {})
    try:
        changed = os.stat(os.path.join(task.get("tasks_dir", ""), task.get("file", ""))).st_mtime_ns
    except OSError:
        changed = 0
    bounds = (request.run_as, encode(request.limits))
    return (tuple(request.argv), encode(task), changed, bounds)


def start_program(children: Children, request: StartRequest) -> Program:
    """Start *request*'s argv with a control socket. Raises: Refused."""
    with ExitStack() as ours, ExitStack() as theirs:
        try:
            out, err = _pipe(ours, theirs), _pipe(ours, theirs)
            mine, its = socket.socketpair()
        except OSError as error:
            shortage = error.errno in SHORTAGES
            raise starting.Refused(f"no pipes: {error.strerror}", shortage=shortage) from error
        ours.callback(mine.close)
        theirs.callback(its.close)
        pid = children.start(request, (out[1], err[1]), its.fileno())
        ours.pop_all()
        return Program(pid=pid, pipes=[out[0], err[0]], control=mine)


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    reader, writer = starting.pipe()
    ours.callback(os.close, reader)
    theirs.callback(os.close, writer)
    return reader, writer
