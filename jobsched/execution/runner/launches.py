"""Starting what a small program prepares first: the script of a web job.

The program (:mod:`jobsched.execution.webjob.launch`) becomes the script by exec; until then it
tells over its control socket what the log is to say. Standard library only: the runner imports
this.
"""

from functools import partial

from jobsched.execution import processes
from jobsched.execution.protocol import Message, StartRequest
from jobsched.execution.runner import starting
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.control import Control
from jobsched.execution.runner.hosted import Hosted
from jobsched.execution.runner.joblog import JobLog
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop
from jobsched.execution.runner.taskprocess import start_program

_FIRST_SIGN = 3600.0  # seconds after which a continuous job's log says that it still runs (Kudu)
_NEXT_SIGN = 12 * 3600.0


class Launches:
    """The runs that begin with such a program; afterwards they are runs like any other."""

    def __init__(self, loop: Loop, children: Children, lifecycle: Lifecycle) -> None:
        self._loop = loop
        self._children = children
        self._lifecycle = lifecycle

    def start(self, request: StartRequest) -> None:
        """Start *request*'s program, or tell why not."""
        run = self._lifecycle.begin(request)
        if run is None:
            return
        try:
            program = start_program(self._children, request)
        except starting.Refused as refusal:
            self._lifecycle.refuse(run, refusal)
            return
        run.pipes = program.pipes
        control = Control(self._loop, program.control, partial(self._hear, run))
        if run.log is not None:
            run.log.begin()
            run.capture.listener = partial(_output, run.log, control)
        self._children.on_end(program.pid, partial(self._gone, run, control))
        self._lifecycle.started(run, program.pid, processes.start_time(program.pid))

    def _hear(self, run: Hosted, message: Message) -> None:
        if message["op"] == "failed":
            run.note = message["reason"]
        elif run.log is not None:
            if message["op"] == "says":
                run.log.system(message["text"])
            else:
                run.log.running()
                self._later(run, run.log, _FIRST_SIGN)

    def _later(self, run: Hosted, log: JobLog, seconds: float) -> None:
        """Give a sign of life in *seconds*, and ever again."""
        if log.continuous:
            sign = partial(self._give_sign, run, log)
            self._loop.at(self._loop.now + seconds, (run.key, "sign"), sign)

    def _give_sign(self, run: Hosted, log: JobLog) -> None:
        log.still_running()
        self._later(run, log, _NEXT_SIGN)

    def _gone(self, run: Hosted, control: Control, status: Message) -> None:
        control.drain()  # its last words count
        control.close()
        self._loop.cancel((run.key, "sign"))
        self._lifecycle.main_gone(run, status)


def _output(log: JobLog, control: Control, number: int, data: bytes) -> bool:
    """Log what the script has written, after what the program has told before."""
    control.drain()  # until the script has taken over: then it is closed
    return log.output(number, data)
