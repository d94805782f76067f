"""The names under which older clients look for log files, and the files that they mean.

Kudu of 2013 wrote ``output_ID.log``, ``error_ID.log`` or ``output.log`` and ``error.log`` for a
run, ``job.log`` for a continuous job, and named runs by 14 digits (webjobs.md, Settled 1 and 3).
"""

import re

from jobsched.errors import UnknownWebJob
from jobsched.model import WebJobType
from jobsched.web.context import operations
from jobsched.webjobs.tree import Parts, Tree

_RUN = re.compile(r"[0-9]{14,18}", re.ASCII)
_STREAM = re.compile(r"(output|error)(?:_([0-9]{14,18}))?\.log", re.ASCII)
_OLD_RUN = 14
_OF_RUN = frozenset({"output_log.txt", "error_log.txt", "status"})
_OF_SCHEDULE = frozenset({"job_scheduler.log", "job_scheduler_prev.log"})
_OF_JOB = re.compile(r"job_log\.txt|job_prev_log(\.[0-9])?\.txt", re.ASCII)


def real(tree: Tree, parts: Parts) -> tuple[str, ...]:
    """Return the path of the log file that *parts* mean by an older name, else *parts*."""
    kind = tuple(parts[:3])
    if kind == ("data", "jobs", "continuous") and len(parts) == 5 and parts[4] == "job.log":
        return (*parts[:4], "job_log.txt")
    if kind == ("data", "jobs", "triggered") and len(parts) in {5, 6}:
        return _of_run(tree, tuple(parts))
    return tuple(parts)


def is_written_by_us(parts: Parts) -> bool:
    """Return whether a file at *parts* is a log of the server, not what a job keeps for itself."""
    top, kind, inside = tuple(parts[:2]), tuple(parts[2:3]), tuple(parts[4:])
    if top != ("data", "jobs"):
        return top[:1] == ("LogFiles",)
    if kind == ("continuous",):
        return len(inside) == 1 and _OF_JOB.fullmatch(inside[0]) is not None
    if len(inside) == 2:
        return _RUN.fullmatch(inside[0]) is not None and inside[1] in _OF_RUN
    return kind == ("triggered",) and len(inside) == 1 and inside[0] in _OF_SCHEDULE


def is_awaited(parts: Parts) -> bool:
    """Return whether *parts* mean the log of a continuous job that has not begun to write one.

    The job's object names its log from the beginning, and every address in there answers.
    """
    kind, name = tuple(parts[:3]), parts[3] if len(parts) == 5 else ""
    if kind != ("data", "jobs", "continuous") or parts[-1] not in {"job_log.txt", "job.log"}:
        return False
    try:
        return operations.webjobs.get(WebJobType.CONTINUOUS, name).webjob.name == name
    except UnknownWebJob:
        return False


def _of_run(tree: Tree, parts: tuple[str, ...]) -> tuple[str, ...]:
    run = parts[4]
    if not _RUN.fullmatch(run):
        return parts
    folder = (*parts[:4], _full(tree, parts[:4], run))
    if len(parts) == 5:
        return folder
    match = _STREAM.fullmatch(parts[5])
    if match is None or match[2] not in {None, run, folder[4]}:
        return (*folder, parts[5])
    return (*folder, f"{match[1]}_log.txt")


def _full(tree: Tree, job: Parts, run: str) -> str:
    """Return the id of 18 digits that begins with the 14 of *run*, if there is exactly one."""
    if len(run) != _OLD_RUN or (node := tree.look(job)) is None or not node.is_folder:
        return run
    found = [each.name for each in tree.children(job) if each.name.startswith(run)]
    return found[0] if len(found) == 1 else run
