"""The program of a task process: obeys its runner until that closes the control socket.

Told to ``load``, it is a worker for one task, called run after run. Told to ``fork``, it stays
empty (a zygote) and makes a fresh process for each run. The socket is named by
JOBSCHED_CONTROL_FD and carries one JSON object per line. Standard library only.
"""

import os
import sys

if __name__ == "__main__":
    # Python puts this file's folder first; its neighbours are no modules of user code.
    sys.path[0] = os.path.abspath(__file__).rsplit(os.sep, 4)[0]
    sys.path.append(sys.path.pop(0))

import faulthandler
import signal

from jobsched.execution.task import streams
from jobsched.execution.task.channel import Channel
from jobsched.execution.task.worker import Worker
from jobsched.execution.task.zygote import Zygote

CONTROL_VARIABLE = "JOBSCHED_CONTROL_FD"


def main() -> None:
    """Serve the runner."""
    streams.install()
    faulthandler.enable()  # a crash in C code still says which line of the task it was in
    faulthandler.register(signal.SIGTERM, all_threads=True, chain=True)  # so does a timeout
    channel = Channel(int(os.environ.pop(CONTROL_VARIABLE)))
    worker = Worker(channel)
    zygote: Zygote | None = None
    for message in channel:
        match message.get("op"):
            case "load":
                worker.load(message["task"])
            case "call":
                worker.call(message)
            case "fork":
                zygote = zygote or Zygote(channel)
                zygote.fork(message)


if __name__ == "__main__":
    main()
