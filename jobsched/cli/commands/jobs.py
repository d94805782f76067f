"""``jobsched jobs``: list, show, create, change, delete, run, pause, resume, occurrences."""

from typing import Any

from jobsched.cli.commands import base, drafts
from jobsched.cli.commands.base import Commands
from jobsched.cli.commands.run import run_job
from jobsched.cli.session import Session, session
from jobsched.client.failures import Misused

HEAD = "ID NAME TASK STATE NEXT_RUN LAST WHEN"
_FILTERS = ("name", "task", "group", "mode", "state", "q")


def add(commands: Commands, name: str, about: str) -> None:
    """Add the noun and its verbs."""
    verbs = base.noun(commands, name, about, "jobsched jobs list")
    _add_looking(verbs)
    _add_changing(verbs)
    _add_acting(verbs)


def _add_looking(verbs: Commands) -> None:
    example = "jobsched jobs list --state paused --json"
    parser = base.server(base.command(verbs, "list", session(_list), "list jobs", example))
    parser.add_argument("--name", metavar="NAME", help="of exactly this name")
    parser.add_argument("--task", metavar="TASK", help="of this task")
    parser.add_argument("--group", metavar="GROUP", help="of this group")
    base.one_of(parser, "--mode", "scheduled triggered continuous")
    base.one_of(parser, "--state", "active paused finished blocked")
    parser.add_argument("--q", metavar="TEXT", help="with this text in name or description")
    base.limit(parser)
    example = "jobsched jobs show backup"
    base.job(base.server(base.command(verbs, "show", session(_show), "show a job", example)))
    example = "jobsched jobs occurrences backup --from 2d --to 2d"
    about = "list what became of a job's moments, and the planned ones"
    parser = base.command(verbs, "occurrences", session(_occurrences), about, example)
    base.job(base.server(parser))
    about = "from when on: a time, or how long ago; default: 24h"
    parser.add_argument("--from", dest="begin", type=base.ago, metavar="TIME", help=about)
    about = "until when: a time, or in how long; default: 24h"
    parser.add_argument("--to", dest="end", type=base.ahead, metavar="TIME", help=about)
    base.limit(parser)


def _add_changing(verbs: Commands) -> None:
    example = "jobsched jobs create runfoo --name nightly --cron '0 3 * * *' --timezone Europe/Rome"
    parser = base.command(verbs, "create", session(_create), "schedule a job", example)
    base.server(parser).add_argument("task", metavar="TASK", nargs="?", help="name of a task")
    drafts.options(parser)
    example = "jobsched jobs change nightly --cron '30 3 * * *' --set timeout=600"
    about = "change what is said of a job"
    parser = base.command(verbs, "change", session(_change), about, example)
    base.job(base.server(parser))
    drafts.options(parser)
    about = "unschedule a job; its history stays readable"
    example = "jobsched jobs delete nightly --stop"
    parser = base.command(verbs, "delete", session(_delete), about, example)
    base.job(base.server(parser))
    parser.add_argument("--stop", action="store_true", help="also stop its living runs")


def _add_acting(verbs: Commands) -> None:
    example = "jobsched jobs run nightly day=monday --wait"
    parser = base.command(verbs, "run", session(_run), "run a job now", example)
    base.job(base.server(parser))
    base.params(parser)
    base.waiting(parser)
    example = "jobsched jobs pause nightly --until 2h --reason 'moving the disks'"
    parser = base.command(verbs, "pause", session(_pause), "let a job not run for a while", example)
    _add_job_or_all(parser)
    base.pause(parser)
    example = "jobsched jobs resume nightly"
    parser = base.command(verbs, "resume", session(_resume), "let a paused job go on", example)
    _add_job_or_all(parser)


def _add_job_or_all(parser: Any) -> None:
    base.server(parser).add_argument("job", metavar="JOB", nargs="?", help="uuid or name of a job")
    parser.add_argument("--all", action="store_true", help="all scheduling instead of one job")


def row(job: dict[str, Any]) -> tuple[object, ...]:
    """Return a job as a line of a table under HEAD."""
    last, trigger = job["last_run"] or {}, job["trigger"] or {}
    when = trigger.get("description") or job["mode"]
    ended = last.get("outcome") or last.get("state")
    return (job["id"], job["name"], job["task"], job["state"], job["next_run_at"], ended, when)


def _list(asked: Session) -> None:
    wanted = {name: getattr(asked.arguments, name) for name in _FILTERS}
    asked.list(asked.api.values("/jobs", wanted, asked.arguments.limit), HEAD, row)


def _show(asked: Session) -> None:
    asked.facts(_job(asked))


def _occurrences(asked: Session) -> None:
    given = asked.arguments
    query = {"from": given.begin, "to": given.end}
    found = asked.api.values(f"/jobs/{_job_id(asked)}/occurrences", query, given.limit)
    asked.list(found, "DUE OUTCOME RUN LATE COUNT REASON", _occurrence)


def _occurrence(shown: dict[str, Any]) -> tuple[object, ...]:
    late = shown["late_by"]
    told = None if late is None else f"{late:.3f}s"
    stretch = shown.get("count") or 1
    return (shown["due_at"], shown["outcome"], shown["run"], told, stretch, shown["reason"])


def _create(asked: Session) -> None:
    body = drafts.body(asked.arguments)
    if asked.arguments.task is not None:
        body["task"] = asked.arguments.task
    body.setdefault("name", body.get("task"))
    answer = asked.api.order("/jobs", body)
    job_id = str(answer.headers["Location"]).rsplit("/", 1)[-1]
    if asked.arguments.json:
        asked.document(asked.api.get(f"/jobs/{job_id}"))
        return
    asked.lines([job_id])
    asked.say(f"Job {body['name']!r} is scheduled.")


def _change(asked: Session) -> None:
    body = drafts.body(asked.arguments)
    if not body:
        raise Misused("Nothing is to be changed; see jobsched jobs change --help.")
    job = asked.api.change("PUT", f"/jobs/{_job_id(asked)}", body).json
    _changed(asked, job, f"Job {job['name']!r} is changed.")


def _delete(asked: Session) -> None:
    job_id = _job_id(asked)
    asked.api.change("DELETE", f"/jobs/{job_id}", query={"stop": asked.arguments.stop})
    asked.say(f"Job {job_id} is unscheduled.")


def _run(asked: Session) -> int:
    return run_job(asked, _job_id(asked))


def _pause(asked: Session) -> None:
    body = {"until": asked.arguments.until, "reason": asked.arguments.reason}
    _switch(asked, "pause", body, "paused")


def _resume(asked: Session) -> None:
    _switch(asked, "resume", None, "resumed")


def _switch(asked: Session, verb: str, body: object, done: str) -> None:
    if asked.arguments.all == (asked.arguments.job is not None):
        raise Misused("Give either a job or --all.")
    path = "" if asked.arguments.all else f"/jobs/{_job_id(asked)}"
    answer = asked.api.change("POST", f"{path}/{verb}", body).json
    what = "All scheduling" if asked.arguments.all else f"Job {answer['name']!r}"
    _changed(asked, answer, f"{what} is {done}.")


def _changed(asked: Session, answer: object, told: str) -> None:
    if asked.arguments.json:
        asked.document(answer)
    asked.say(told)


def _job(asked: Session) -> dict[str, Any]:
    from jobsched.client import finding

    return finding.job(asked.api, asked.arguments.job)


def _job_id(asked: Session) -> str:
    from jobsched.client import finding

    return finding.job_id(asked.api, asked.arguments.job)
