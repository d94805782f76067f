"""The runner: a small process that starts runs, keeps their output and journals their ends.

One thread, one loop, standard library only; it outlives web, scheduler and supervisor, and a new
supervisor asks its socket what it has. Started as ``python -I -S runner.py --folder DIR``, where
DIR is its own: it holds ``journal`` and ``socket``.

A run's way through it: order, journal ``start``, spawn, journal ``pid``, output, its main process
gone (or its worker's word), what is left of its tree stopped, pipes drained, journal ``end``,
told, forgotten.
"""

import os
import sys

if __name__ == "__main__":  # run as a file: find the package it lies in
    sys.path.insert(0, os.path.abspath(__file__).rsplit(os.sep, 4)[0])

import gc
import signal
from contextlib import suppress

from jobsched.execution.journal import Journal
from jobsched.execution.protocol import JOURNAL, VERSION, Key, Message, StartRequest
from jobsched.execution.runner import limits
from jobsched.execution.runner.children import Children
from jobsched.execution.runner.health import Checks
from jobsched.execution.runner.hosted import ENDED, Hosted
from jobsched.execution.runner.launches import Launches
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.listener import Listener
from jobsched.execution.runner.loop import Loop
from jobsched.execution.runner.workers import Workers
from jobsched.execution.runner.zygotes import Zygotes

_AGAIN = 0.1  # seconds
_LONELY = 30.0  # seconds; a runner that hosts nothing leaves after two of these alone


class Runner:
    """Obeys the supervisor's messages, turn by turn, until it is retired and hosts nothing."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)
        self._loop = Loop()
        # The journal first: whoever holds its lock is the one runner of this folder.
        self._journal = Journal(os.path.join(folder, JOURNAL))
        self._supervisor = Listener(self._loop, self._obey)
        self._children = Children()
        self._lifecycle = Lifecycle(
            self._loop, self._journal, self._children, self._supervisor.tell
        )
        parts = (self._children, self._lifecycle, self._supervisor.tell)
        self._checks = Checks(self._loop, self._children, self._lifecycle)
        self._launches = Launches(self._loop, self._children, self._lifecycle)
        self._workers = Workers(self._loop, *parts)
        self._zygotes = Zygotes(self._loop, *parts)
        self._retired = False
        self._shutting_down = False
        self._alone = False
        self._loop.watch_signal(signal.SIGCHLD, self._reap)
        self._loop.watch_signal(signal.SIGTERM, self._shut_down)
        self._loop.at(self._loop.now + _LONELY, "company", self._look_for_company)

    def serve(self) -> None:
        """Work until there is nothing left to do."""
        while not (self._retired and self._idle()):
            self._loop.turn()
            self._supervisor.flush()
            if self._retired and not self._lifecycle.alive():
                self._workers.dismiss_all()
                self._zygotes.dismiss_all()
        self._supervisor.close()
        self._journal.close()

    def _idle(self) -> bool:
        if self._workers or self._zygotes or self._lifecycle.alive():
            return False
        return self._shutting_down or not self._lifecycle.runs

    def _reap(self) -> None:
        # Should one run's end go wrong, the others' are still looked at.
        self._loop.at(self._loop.now + _AGAIN, "reap", self._reap)
        adopted = self._children.reap()
        with self._lifecycle.one_look():
            self._children.tell()
            if adopted:
                self._lifecycle.orphans_gone()
        self._loop.cancel("reap")

    def _look_for_company(self) -> None:
        """Retire when nothing is hosted and no supervisor came back.

        The next one starts runners of its own. This one it may never find: when its supervisor
        died just as it was born, its folder counted as a dead runner's and was removed.
        """
        self._loop.at(self._loop.now + _LONELY, "company", self._look_for_company)
        alone = not (self._lifecycle.runs or self._supervisor.connected)
        self._retired = self._retired or (alone and self._alone)
        self._alone = alone

    def _shut_down(self) -> None:
        """End everything, for the machine goes down; the journal keeps what nobody asked for."""
        for run in list(self._lifecycle.runs.values()):
            self._lifecycle.stop(run, "shutdown", "The runner was told to end.")
        self._retired = self._shutting_down = True

    # The supervisor's messages

    def _obey(self, message: Message) -> None:
        try:
            self._do(message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            sys.excepthook(type(error), error, error.__traceback__)
            reason = f"the runner did not understand: {error!r}"
            facts = {"run": message.get("run"), "claim": message.get("claim"), "reason": reason}
            self._supervisor.tell({"op": "refused", **facts, "shortage": False})

    def _do(self, message: Message) -> None:
        match message["op"]:
            case "start":
                self._start(message)
            case "stop":
                self._stop(message)
            case "lease":
                self._prolong(message)
            case "forget":
                self._forget([(run, claim) for run, claim in message["runs"]])
            case "hello":
                self._hello()
            case "retire":
                self._retired = True
            case "ping":
                self._supervisor.tell({"op": "pong"})

    def _hello(self) -> None:
        self._supervisor.greeted = True
        runs = [run.state_message() for run in self._lifecycle.runs.values()]
        self._supervisor.tell({"op": "state", "runs": runs, "pid": os.getpid(), "version": VERSION})

    def _start(self, message: Message) -> None:
        request = StartRequest.from_message(message)
        known = self._lifecycle.runs.get(request.key)
        if known is not None:
            self._supervisor.tell(known.present_message())
            return
        if self._retired:
            self._lifecycle.tell_refused(request.key, "its runner is leaving", shortage=True)
        elif request.kind == "command":
            self._lifecycle.start_command(request)
        elif request.kind == "launch":
            self._launches.start(request)
        elif request.warm:
            self._workers.start(request)
        else:
            self._zygotes.start(request)
        self._checks.follow(request)

    def _stop(self, message: Message) -> None:
        run = self._known(message)
        if run is not None:
            ended_by = message["ended_by"]
            at_once = ended_by == "kill" or bool(message.get("at_once"))
            self._lifecycle.stop(run, ended_by, message.get("reason"), at_once=at_once)

    def _prolong(self, message: Message) -> None:
        """Let a run go on for some seconds, 0 for as long as it likes."""
        run = self._known(message)
        if run is not None:
            seconds = message["seconds"]
            run.lease_until = self._loop.now + seconds if seconds else None
            self._lifecycle.schedule(run)

    def _known(self, message: Message) -> Hosted | None:
        key = (message["run"], message["claim"])
        run = self._lifecycle.runs.get(key)
        if run is None:
            self._supervisor.tell({"op": "unknown", "run": key[0], "claim": key[1]})
        return run

    def _forget(self, keys: list[Key]) -> None:
        runs = self._lifecycle.runs
        settled = [key for key in keys if key in runs and runs[key].state == ENDED]
        for key in settled:
            del runs[key]
        with suppress(OSError):  # only makes the journal longer than it need be
            self._journal.forget(settled)
            if self._journal.long:
                self._journal.compact(runs, self._children)


def main(arguments: list[str]) -> int:
    """Serve the folder given with ``--folder``; 1 when another runner holds it."""
    if len(arguments) != 2 or arguments[0] != "--folder":
        sys.stderr.write("usage: runner.py --folder DIR\n")
        return 2
    os.umask(0o077)
    limits.show_name("jobsched:runner")
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    limits.become_subreaper()
    try:
        runner = Runner(os.path.abspath(arguments[1]))
    except BlockingIOError:
        sys.stderr.write("another runner holds this folder\n")
        return 1
    gc.collect()
    gc.freeze()
    runner.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
