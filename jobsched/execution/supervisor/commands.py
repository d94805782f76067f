"""Turning a claimed run into the ``start`` message of a runner: task + job + settings -> facts.

The order of decisions: the task must still be in the catalog, the user it runs as must exist,
then limits (run, task, JOB_LIVETIME), then command and environment.
"""

import functools
import json
import os
import pwd
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobsched import clock
from jobsched.catalog import SHELL, Catalog, Task
from jobsched.errors import UnknownTask
from jobsched.execution import script
from jobsched.execution.belongings import belongings
from jobsched.execution.places import output_stem
from jobsched.execution.protocol import Message
from jobsched.execution.supervisor.checking import health_order
from jobsched.execution.supervisor.refusing import CannotStart
from jobsched.execution.supervisor.reportfiles import Owner
from jobsched.execution.supervisor.surroundings import Surroundings
from jobsched.execution.task import reporting
from jobsched.model import Run
from jobsched.settings import Settings

_REMEMBERED = 0.5  # seconds for which a script's command line is not looked for again
_TASK_PROGRAM = str(Path(__file__).parents[1] / "task" / "program.py")


def start_message(
    run: Run, around: Surroundings, files: Mapping[str, str] | None = None
) -> Message:
    """Return what a runner is told to start *run*; *files* are variables that name its files.

    Raises: CannotStart when the task is gone, its script is missing or its user is unknown.
    """
    task = _task(run, around.catalog)
    settings = around.settings
    identity = _identity(run.policy.run_as or settings.run_as)
    inherited = {**around.inherited, **identity.variables} if identity else around.inherited
    if task.builtin == "webjob":
        inherited = around.webjobs.inherited(inherited, identity.variables if identity else None)
    message: Message = {
        "op": "start",
        "run": run.id,
        "claim": run.claim,
        "cwd": around.folder,
        "env": environment(run, inherited) | _whereabouts(task, settings) | dict(files or {}),
        "timeout": task.timeout(run.policy, settings.job_livetime),
        "idle_timeout": task.idle_timeout(run.policy),
        "grace": _grace(run, task, settings),
        "output": {
            "cap": settings.output_cap,
            "path": output_stem(around.runs_dir, run.id, run.claim),
        },
        "cookie": secrets.token_hex(8),
        "detach": run.policy.detach,
        "health": health_order(run.policy.health),
        "run_as": identity and identity.message,
        "limits": {},
        "stdin": None,
    }
    return message | _special(run, task, around, message)


def environment(run: Run, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a run: the inherited ones, its facts, its parameters, its own."""
    facts = {
        "JOBSCHED_RUN_ID": str(run.id),
        "JOBSCHED_ATTEMPT": str(run.attempt),
        "JOBSCHED_PARAMS": json.dumps(dict(_passed_on(run)), ensure_ascii=False),
    }
    if run.job_id is not None:
        facts["JOBSCHED_JOB_ID"] = run.job_id
    if run.due_at is not None:
        facts["JOBSCHED_DUE_AT"] = _instant(run)
    parameters = {
        f"JOBSCHED_PARAM_{name.upper()}": _text(value) for name, value in _passed_on(run).items()
    }
    variables = {**inherited, **run.policy.env, **parameters, **facts}
    broken = [name for name, value in variables.items() if "\0" in name + value or "=" in name]
    if broken:
        raise CannotStart(f"The variable {broken[0]!r} cannot be passed to a process.")
    return variables


def _passed_on(run: Run) -> Mapping[str, object]:
    """Return the parameters that a run sees as variables: not a command, for it is the command."""
    return {} if run.task == SHELL else run.params


def _task(run: Run, catalog: Catalog) -> Task:
    try:
        return catalog.get(run.task)
    except UnknownTask as error:
        raise CannotStart(error.detail) from error


def _grace(run: Run, task: Task, settings: Settings) -> float:
    chosen = (run.policy.grace, task.policy.grace)
    return next((grace for grace in chosen if grace is not None), settings.grace)


def _whereabouts(task: Task, settings: Settings) -> dict[str, str]:
    """Return what a task class of the user's that runs scripts needs to find them (J34)."""
    return {} if task.builtin else {script.CONF_DIR_VARIABLE: str(settings.conf_dir)}


def _special(run: Run, task: Task, around: Surroundings, message: Message) -> Message:
    """Return what the kind of *task* adds to, or changes in, the start message."""
    if task.builtin == "webjob":
        return around.webjobs.start(run, message["env"], message["run_as"])
    if task.builtin == "shell":
        return _shell(run, around.settings)
    if task.builtin:
        return _script(task, around)
    return _python(run, task, around.settings, message["env"])


def _shell(run: Run, settings: Settings) -> Message:
    logs = {"out": run.params.get("outlog"), "err": run.params.get("errlog")}
    return {
        "kind": "command",
        "argv": ["bash", "-c", "--", run.params["command"]],
        "warm": False,
        "redirect": _redirect(logs, settings) if any(logs.values()) else None,
    }


def _redirect(logs: Message, settings: Settings) -> Message:
    return {**logs, "forbidden": belongings(settings).to_message()}


def _script(task: Task, around: Surroundings) -> Message:
    now = clock.monotonic()
    until, argv = around.found.get(task.name, (0.0, []))
    if now >= until:
        try:
            argv = script.command(task.arguments, around.settings)
        except script.ScriptMissing as error:
            around.found.pop(task.name, None)
            raise CannotStart(str(error)) from error
        around.found[task.name] = (now + _REMEMBERED, argv)
    return {"kind": "command", "argv": argv, "warm": False}


def _python(run: Run, task: Task, settings: Settings, env: Mapping[str, str]) -> Message:
    return {
        "kind": "task",
        "argv": [sys.executable, _TASK_PROGRAM],
        "warm": task.policy.isolation == "warm",
        "load_timeout": settings.task_load_timeout,
        "task": {
            "name": task.name,
            "file": task.file,
            "class": task.class_name,
            "arguments": dict(task.arguments),
            "tasks_dir": str(task.tasks_dir),
            "livetime": settings.job_livetime,
        },
        "info": {
            "job_id": run.job_id,
            "timeout": settings.job_livetime,
            "run_id": run.id,
            "due_at": _instant(run) if run.due_at else None,
            "attempt": run.attempt,
            "params": dict(run.params),
            "report": env.get(reporting.REPORT),
            "records": env.get(reporting.RECORDS),
        },
    }


def owner_of(run: Run, settings: Settings) -> Owner | None:
    """Return uid and gid of another user that *run* runs as. Raises: CannotStart."""
    identity = _identity(run.policy.run_as or settings.run_as)
    return None if identity is None else (identity.message["uid"], identity.message["gid"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """A user to run as: uid, gid and all groups, and the variables that go with them."""

    message: Message
    variables: Mapping[str, str]


@functools.lru_cache(maxsize=64)
def _identity(user: str | None) -> _Identity | None:
    """Return who *user* is on this machine; None means: as we are."""
    if user is None:
        return None
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError) as error:
        raise CannotStart(f"There is no user {user!r} on this machine to run as.") from error
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise CannotStart(f"Only root can run a job as {user!r}; the server is not root.")
    groups = os.getgrouplist(user, entry.pw_gid)
    return _Identity(
        message={"uid": entry.pw_uid, "gid": entry.pw_gid, "groups": groups, "name": user},
        variables={"HOME": entry.pw_dir, "SHELL": entry.pw_shell, "USER": user, "LOGNAME": user},
    )


def _instant(run: Run) -> str:
    assert run.due_at is not None  # noqa: S101 - narrows the type; the callers have looked
    return run.due_at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
