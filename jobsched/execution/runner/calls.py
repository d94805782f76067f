"""One call of a task for a run: its order, its limits, what the task process says about it.

Standard library only: the runner imports this.
"""

from collections.abc import Callable

from jobsched.execution.protocol import COOKIE, Message
from jobsched.execution.runner.hosted import Hosted
from jobsched.execution.runner.lifecycle import Lifecycle
from jobsched.execution.runner.loop import Loop

_MOST_CLASSES, _LONGEST_CLASS = 50, 200


class Call:
    """What is the same for warm and for forked task processes."""

    __slots__ = ("_lifecycle", "_loop", "_own_deadline", "_tell", "run")

    def __init__(
        self, run: Hosted, loop: Loop, lifecycle: Lifecycle, tell: Callable[[Message], None]
    ) -> None:
        self.run = run
        self._loop = loop
        self._lifecycle = lifecycle
        self._tell = tell
        self._own_deadline: float | None = None

    def order(self) -> Message:
        """Return what the task process has to know for this call, without ``op``."""
        request = self.run.request
        return {
            "run": request.run,
            "claim": request.claim,
            "info": request.info or {},
            "env": {**request.env, COOKIE: request.cookie},
            "cwd": request.cwd,
        }

    def loading(self) -> None:
        """Limit how long loading may take; the run's own time has not begun."""
        seconds = self.run.request.load_timeout
        self._limit(self._loop.now + seconds, f"Loading the task took longer than {seconds:g} s.")

    def called(self) -> None:
        """Begin the run's own time."""
        seconds = self.run.request.timeout
        self._own_deadline = self._loop.now + seconds if seconds else None
        self._limit(self._own_deadline, f"It ran longer than {seconds or 0:g} s.")

    def hear(self, message: Message) -> None:
        """Take what the task process says while it works."""
        match message["op"]:
            case "loaded":
                self.called()
            case "failed":
                self.over(message, f"The task could not be loaded: {message['reason']}")
            case "limit":
                self._watchdog(message["seconds"])
            case "report":
                self._report(message)

    def over(self, message: Message, note: str | None) -> None:
        """Take why the task process says that its call is over; *note* is the sentence for it."""
        self.run.note = note
        found = message.get("exceptions")
        if isinstance(found, list):  # user code shares that process: it might say anything
            self.run.exceptions = [str(each)[:_LONGEST_CLASS] for each in found[:_MOST_CLASSES]]

    def _watchdog(self, seconds: float | None) -> None:
        own, timeout = self._own_deadline, self.run.request.timeout
        if seconds is not None and (own is None or self._loop.now + seconds < own):
            reason = f"Its watchdog's {round(seconds, 2):g} s were over."
            self._limit(self._loop.now + seconds, reason)
        else:
            self._limit(own, f"It ran longer than {timeout or 0:g} s.")

    def _limit(self, moment: float | None, reason: str) -> None:
        self.run.limit(moment, reason)
        self._lifecycle.schedule(self.run)

    def _report(self, message: Message) -> None:
        run, claim = self.run.key
        told = {name: message.get(name) for name in ("fraction", "text")}
        self.run.counts = {name: message[name] for name in ("success", "error", "ignore")}
        self._tell({"op": "progress", "run": run, "claim": claim, **told, **self.run.counts})
