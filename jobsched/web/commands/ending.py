"""/kill, /wait and /shutdown: ending jobs, waiting for their ends, ending the server."""

from collections.abc import Callable
from contextlib import suppress

from flask import Response, current_app

from jobsched import clock
from jobsched.errors import Conflict, InvalidInput, RunAlreadyFinished, Unavailable, UnknownRun
from jobsched.model import Role, Run, RunState
from jobsched.web import waiting
from jobsched.web.commands.blueprint import about, command, complaint, text
from jobsched.web.commands.listing import MOST_IDS
from jobsched.web.commands.parameters import given, number, short
from jobsched.web.context import caller, operations
from jobsched.web.gate import changes_nothing, changes_state, concerns, from_here, needs
from jobsched.web.watching import Notice

SHUT_DOWN = "jobsched.shut_down"  # the key of what ends the server in ``app.extensions``
_KILLED_WITHIN = 10.0  # seconds after which the answer says that it goes on
_PIECE = 60.0


@command("kill")
@needs(Role.OPERATOR)
@changes_state
def kill() -> Response:
    """End jobs at once; a line for each tells what became of it."""
    answers: dict[str, str | None] = {}
    for part in given("kill")["jobid"].split(","):
        if part.strip():
            answers.setdefault(part.strip(), None)
    if not 1 <= len(answers) <= MOST_IDS:
        message = f"jobid takes 1 to {MOST_IDS} ids, separated by commas."
        raise InvalidInput.field("jobid", "length", message)
    concerns(f"/runs/{','.join(map(short, answers))}")
    for part in answers:
        answers[part] = _asked_to_end(part)
    until = clock.monotonic() + _KILLED_WITHIN
    return text(*(line or _killed(part, until) for part, line in answers.items()))


@command("wait")
@needs(Role.VIEWER)
@changes_nothing
@from_here
def wait() -> Response:
    """Answer once a job is over."""
    asked = given("wait")["jobid"]
    found = number(asked)
    try:
        run = operations.runs.get(found or 0)
    except UnknownRun as error:
        return text(about(error, short(asked)))
    if run.state is not RunState.DONE and not _over(run.id, None):
        return text(complaint(f"the server stops; Job {run.id} is not over."))
    return text()


@command("shutdown")
@needs(Role.ADMIN)
@changes_state
def shutdown() -> Response:
    """End the server in order."""
    given("shutdown")
    shut_down: Callable[[], None] | None = current_app.extensions.get(SHUT_DOWN)
    if shut_down is None:
        raise Conflict("The parts of this server were started one by one; stop each of them.")
    shut_down()
    return text("Shutting down server")


def _asked_to_end(part: str) -> str | None:
    """Ask a job to end; return what to answer when there is nothing to wait for."""
    try:
        operations.commands.kill(number(part) or 0, caller())
    except InvalidInput as error:
        return complaint(error.detail)
    except (UnknownRun, RunAlreadyFinished) as error:
        return about(error, short(part))
    return None


def _killed(part: str, until: float) -> str:
    run_id = number(part) or 0
    over = False
    with suppress(Unavailable):  # too many wait; it ends all the same
        over = _over(run_id, until)
    return f"Job {run_id} has been killed" if over else f"Job {run_id} is being killed"


def _over(run_id: int, until: float | None) -> bool:
    """Wait for a run's end; return whether it came.

    Raises: Unavailable when as many requests wait as may.
    """
    with waiting.watch(run_id) as waiter:
        while True:
            left = _PIECE if until is None else until - clock.monotonic()
            news = waiter.next(left) if left > 0 else Notice.OVERRUN
            if isinstance(news, Notice):
                return False
            if isinstance(news, Run) and news.state is RunState.DONE:
                return True
