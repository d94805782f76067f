"""``jobsched run`` and ``jobsched submit``: run a job or a task now, perhaps wait for it."""

import shlex
from typing import Any

from jobsched.cli.commands import base, drafts
from jobsched.cli.commands.base import Commands
from jobsched.cli.commands.starting import begun, require_one_output, started
from jobsched.cli.session import Session, session
from jobsched.client.failures import Missing, Misused, Refused, Unexpected

_FIELDS = ("name", "at", "queue", "priority", "timeout")


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command *name*, one of both."""
    (_add_run if name == "run" else _add_submit)(commands, about)


def _add_run(commands: Commands, about: str) -> None:
    example = "jobsched run nightly day=monday --wait"
    parser = base.server(base.command(commands, "run", session(_run), about, example))
    about = "uuid or name of a job, else name of a task"
    parser.add_argument("target", metavar="JOB|TASK", help=about)
    base.params(parser)
    base.waiting(parser)


def _add_submit(commands: Commands, about: str) -> None:
    example = "jobsched submit runfoo --at 10m\n"
    example += "  jobsched submit --wait -- tar -czf /backup/home.tgz /home"
    parser = base.server(base.command(commands, "submit", session(_submit), about, example))
    about = "name of a task; instead of it, after --, a shell command"
    parser.add_argument("task", metavar="TASK", nargs="?", help=about)
    base.params(parser)
    base.waiting(parser)
    parser.add_argument("--name", metavar="NAME", help="what you call it; default: the task's name")
    about = "not before: a time or a duration from now on (10m)"
    parser.add_argument("--at", type=base.ahead, metavar="TIME", help=about)
    parser.add_argument("--queue", metavar="QUEUE", help="in which it waits")
    parser.add_argument("--priority", type=int, metavar="N", help="higher ones start first")
    parser.add_argument("--timeout", type=base.duration, metavar="TIME", help="its longest life")


def run_job(asked: Session, job_id: str) -> int:
    """Run the job with this uuid; return the exit code. Raises: ClientError."""
    params = drafts.values(asked.arguments.params)
    return started(asked, f"/jobs/{job_id}/run", {"params": params} if params else None)


def _run(asked: Session) -> int:
    from jobsched.client import finding

    target = asked.arguments.target
    job = finding.job_or_none(asked.api, target)
    if job is not None:
        return run_job(asked, job["id"])
    if finding.task(asked.api, target) is None:
        raise Missing(f"There is neither a job nor a task named {target!r}.")
    return started(asked, "/runs", _body(target, drafts.values(asked.arguments.params)))


def _submit(asked: Session) -> int:
    given = asked.arguments
    words, params = given.words, drafts.values(given.params)
    if (given.task is None) == (words is None) or words == []:
        raise Misused("Give either the name of a task, or a shell command after --.")
    said = {name: getattr(given, name) for name in _FIELDS if getattr(given, name) is not None}
    if words is None:
        return started(asked, "/runs", _body(given.task, params) | said)
    if params or said.keys() - {"name"}:
        raise Misused("Of all that is said of a run, a shell command takes only --name.")
    return _submit_shell(asked, command_line(words), said)


def _submit_shell(asked: Session, command: str, said: dict[str, str]) -> int:
    """Run a shell command through the text commands, of which admins may use it (S11)."""
    require_one_output(asked)
    try:
        told = asked.api.text("/submit", {"command": command, "sync": "0", **said})
    except Refused as refusal:
        if refusal.status != 404:
            raise
        raise Missing("This server takes no shell commands.") from None
    number = told.partition("\n")[0].strip()
    if not number.isascii() or not number.isdigit():
        raise Unexpected(
            told.strip().removeprefix("Error: ") or "The server has not said which run it is."
        )
    return begun(asked, asked.api.get(f"/runs/{number}"))


def command_line(words: list[str]) -> str:
    """Return what a shell is to run: one word as it is, several as the words that they are."""
    return words[0] if len(words) == 1 else shlex.join(words)


def _body(task: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"task": task, "params": params} if params else {"task": task}
