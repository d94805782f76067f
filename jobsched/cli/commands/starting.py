"""What all commands that start a run have in common: its number, the wait, its exit code."""

from typing import Any

from jobsched.cli.codes import OK, code_of_run
from jobsched.cli.session import Session
from jobsched.client.failures import Misused


def started(asked: Session, path: str, body: object) -> int:
    """Ask for a run and return the exit code of :func:`begun`. Raises: ClientError."""
    require_one_output(asked)
    return begun(asked, asked.api.order(path, body).json)


def require_one_output(asked: Session) -> None:
    """Refuse options of which only one can have stdout. Raises: Misused."""
    if asked.arguments.follow and asked.arguments.json:
        raise Misused("--follow prints what the run writes; --json cannot be there as well.")


def begun(asked: Session, run: dict[str, Any]) -> int:
    """Print a new run's number; if wanted, wait for it and return its exit code.

    Raises: ClientError.
    """
    number = run["id"]
    try:
        asked.say(f"Run {number} of {run['name']!r} is {run['state']}.")
        return _attended(asked, run)
    except KeyboardInterrupt:
        asked.say(f"Run {number} goes on; to stop it: jobsched runs stop {number}")
        raise


def own_code(asked: Session, number: int) -> int:
    """Wait for the end of a run and return its own exit code. Raises: TimeIsUp, ClientError."""
    from jobsched.client import following

    deadline = following.Deadline(asked.arguments.at_most)
    with asked.progress(f"run {number}") as progress:
        run = following.ended(asked.api, number, deadline, progress.tell)
    if asked.arguments.json:
        asked.document(run)
    asked.say(told(run))
    return code_of_run(run)


def told(run: dict[str, Any]) -> str:
    """Return how a run ended, in a sentence."""
    how = run["outcome"].replace("_", " ")
    if run["signal"] is not None:
        how += f", signal {run['signal']}"
    elif run["exit_code"]:
        how += f", exit code {run['exit_code']}"
    why = f" {run['reason']}" if run["reason"] else ""
    return f"Run {run['id']} has ended: {how}.{why}"


def _attended(asked: Session, run: dict[str, Any]) -> int:
    """Print what is wanted of a new run and return the exit code."""
    given = asked.arguments
    if given.follow:
        return _followed(asked, run["id"])
    if not given.json:
        asked.lines([str(run["id"])])
    if given.wait or given.at_most is not None:
        return own_code(asked, run["id"])
    if given.json:
        asked.document(run)
    return OK


def _followed(asked: Session, number: int) -> int:
    """Print what a run writes while it does; return its exit code."""
    from jobsched.client import following

    deadline = following.Deadline(asked.arguments.at_most)
    part = following.Part(follow=True)
    for block in following.output(asked.api, number, part, deadline, asked.say):
        asked.write(block)
    run = following.ended(asked.api, number, deadline, asked.say)
    asked.say(told(run))
    return code_of_run(run)
