"""/submit: run a command; with sync=1 the answer is its output, and lasts as long as it does."""

from collections.abc import Iterator
from contextlib import suppress

from flask import Response, current_app

from jobsched.errors import Unavailable
from jobsched.model import Outcome, Role, Run, RunState
from jobsched.operations import Operations
from jobsched.operations.commands import Command
from jobsched.web import waiting
from jobsched.web.commands.blueprint import TEXT, command, complaint, text
from jobsched.web.commands.departures import Departures
from jobsched.web.commands.parameters import flag, given
from jobsched.web.context import EXTENSION, caller, operations
from jobsched.web.followed import Followed
from jobsched.web.gate import changes_state, concerns, needs
from jobsched.web.watching import NO_RUN, Notice, Waiter

_DEPARTURES = "jobsched.departures"
_SOONEST, _LATEST = 0.05, 0.25  # seconds between two looks at what a living run writes
_LIVE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@command("submit")
@needs(Role.ADMIN)
@changes_state
def submit() -> Response:
    """Run a command with bash; the first line of the answer is its id."""
    operations.commands.require_allowed()
    values = given("submit")
    asked = Command(
        text=values["command"],
        name=values.get("name", "job"),
        group=values.get("group", "default"),
        sync=flag(values, "sync", "1"),
        outlog=values.get("outlog"),
        errlog=values.get("errlog"),
    )
    if asked.sync:
        return _attended(asked)
    run = operations.commands.submit(asked, caller())
    concerns(f"/runs/{run.id}")
    return text(str(run.id))


def _attended(asked: Command) -> Response:
    """Run a command whose client stays; it is killed when the client leaves.

    Raises: Unavailable when as many requests wait as may: then nothing is run.
    """
    verbs: Operations = current_app.extensions[EXTENSION]
    departures = current_app.extensions.setdefault(_DEPARTURES, Departures(verbs.clients))
    waiter = waiting.watch(NO_RUN)
    try:
        run = verbs.commands.submit(asked, caller(), verbs.clients.holder())
    except BaseException:
        waiter.leave()
        raise
    concerns(f"/runs/{run.id}")
    attendance = _Attendance(verbs, departures, waiter, run)
    response = Response(attendance.pieces(), content_type=TEXT)
    response.headers.update(_LIVE)
    response.call_on_close(attendance.end)
    return response


class _Attendance:
    """One client that waits for its command."""

    def __init__(self, verbs: Operations, departures: Departures, waiter: Waiter, run: Run) -> None:
        self._verbs, self._departures = verbs, departures
        self._waiter, self._run = waiter, run
        self._done = self._stopping = self._left = False
        waiter.turn_to(run.id, self._leave)

    def end(self) -> None:
        """Take leave of the client, for whatever reason the answer is over."""
        self._waiter.leave()
        if self._done:
            self._departures.served(self._run.id)
        elif self._stopping:
            self._stop()
        else:
            self._leave()

    def _stop(self) -> None:
        """End the command in order: at once, for this process goes before its supervisor does."""
        with suppress(Unavailable):  # then it is found without its client, and killed
            self._verbs.clients.stopped(self._run.id)

    def _leave(self) -> None:
        """Kill the command, for the client has left: seen by one thread or the other, or both."""
        # The end of our answer makes clients close: that is no leaving.
        if not (self._left or self._stopping):
            self._left = True
            self._departures.left(self._run.id)

    def pieces(self) -> Iterator[bytes]:
        """Yield the id, and then what the command writes, until it or the client is gone."""
        yield f"{self._run.id}\n".encode()
        followed = Followed(self._verbs)
        news: Run | Notice | None = None
        pause = _SOONEST
        while not isinstance(news, Notice):
            self._run = news or self._run
            # Asked before reading: what is written until the end is read after it was seen.
            self._done = self._run.state is RunState.DONE
            pause = min(_LATEST, pause * 2)
            for block in followed.news(self._run):
                pause = _SOONEST
                yield block
            if self._done:
                if self._run.outcome is Outcome.NOT_STARTED:
                    yield f"{complaint(self._run.reason or 'It could not be started.')}\n".encode()
                return
            news = self._waiter.next(pause)
        self._stopping = news is Notice.STOPPING
