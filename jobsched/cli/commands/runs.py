"""``jobsched runs``: list, show, logs, records, stop, retry, wait."""

from collections.abc import Callable
from typing import Any

from jobsched.cli import terminal, times
from jobsched.cli.codes import CONFLICT, OK
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.commands.starting import own_code, started
from jobsched.cli.session import Session, refused, session
from jobsched.client.failures import ClientError, Misused

HEAD = "ID NAME TASK STATE EXIT ERRORS CREATED STARTED DURATION"
_FILTERS = ("state", "outcome", "task", "node", "since", "until", "q")


def add(commands: Commands, name: str, about: str) -> None:
    """Add the noun and its verbs."""
    verbs = base.noun(commands, name, about, "jobsched runs list")
    _add_looking(verbs)
    _add_changing(verbs)


def _add_looking(verbs: Commands) -> None:
    example = "jobsched runs list --job backup --since 2d --outcome failed"
    parser = base.command(verbs, "list", session(_list), "list runs, newest first", example)
    base.run_filters(base.server(parser))
    base.limit(parser)
    parser = base.command(verbs, "show", session(_show), "show a run", "jobsched runs show 812")
    base.run(base.server(parser))
    example = "jobsched runs logs 812 --follow --tail 20"
    parser = base.command(verbs, "logs", session(_logs), "print what a run wrote", example)
    base.run(base.server(parser))
    about = "go on until the run has ended, also over restarts of the server"
    parser.add_argument("-f", "--follow", action="store_true", help=about)
    about = "only what it wrote to stdout or to stderr; default: both"
    parser.add_argument("--stream", choices=("out", "err", "both"), default="both", help=about)
    parser.add_argument("--tail", type=int, metavar="N", help="only the last N lines")
    example = "jobsched runs records 812 --state open --json"
    about = "list the records that failed in a run"
    parser = base.command(verbs, "records", session(_records), about, example)
    base.run(base.server(parser))
    base.one_of(parser, "--state", "open retrying resolved")
    base.limit(parser)
    example = "jobsched runs wait 812 --at-most 5m"
    about = "wait for the end of a run and return its exit code"
    parser = base.command(verbs, "wait", session(_wait), about, example)
    base.run(base.server(parser))
    base.at_most(parser, "wait no longer than this, then return 124")


def _add_changing(verbs: Commands) -> None:
    example = "jobsched runs stop 812 --reason 'wrong day'"
    parser = base.command(verbs, "stop", session(_stop), "stop runs", example)
    base.run(base.server(parser), many=True)
    base.reason(parser)
    example = "jobsched runs retry 812 --wait"
    about = "run again what has ended: runs by their numbers, or all failed ones that pass filters"
    parser = base.command(verbs, "retry", session(_retry), about, example)
    parser.add_argument(
        "runs", metavar="RUN", type=base.run_number, nargs="*", help="their numbers"
    )
    base.waiting(base.server(parser))
    base.run_filters(parser)
    parser.add_argument("--all", action="store_true", help="all that failed, without a filter")
    parser.add_argument("--dry-run", action="store_true", help="only count those that pass")
    base.limit(parser, "1000")


def filters(asked: Session) -> dict[str, object]:
    """Return what the options say about runs. Raises: ClientError."""
    given = asked.arguments
    found = {name: getattr(given, name) for name in _FILTERS}
    if given.job is not None:
        from jobsched.client import finding

        found["job"] = finding.job_id(asked.api, given.job)
    return {name: value for name, value in found.items() if value is not None}


def row(run: dict[str, Any]) -> tuple[object, ...]:
    """Return a run as a line of a table under HEAD."""
    code = run["exit_code"] if run["signal"] is None else f"signal {run['signal']}"
    length = times.length(run["duration"])
    state = run["outcome"] or run["state"]
    made = (run["created_at"], run["started_at"])
    errors = run["counts"]["error"] or None
    return (run["id"], run["name"], run["task"], state, code, errors, *made, length)


def _list(asked: Session) -> None:
    found = asked.api.values("/runs", filters(asked), asked.arguments.limit)
    asked.list(found, HEAD, row)


def _show(asked: Session) -> None:
    asked.facts(asked.api.get(f"/runs/{asked.arguments.run}"))


def _logs(asked: Session) -> None:
    from jobsched.client import following

    given = asked.arguments
    part = following.Part(stream=given.stream, tail=given.tail, follow=given.follow)
    blocks = following.output(asked.api, given.run, part, following.Deadline(), asked.say)
    for block in blocks:
        asked.write(block)


def _records(asked: Session) -> None:
    given = asked.arguments
    found = asked.api.values(f"/runs/{given.run}/records", {"state": given.state}, given.limit)
    asked.list(found, "RETRY_ID STATE ATTEMPTS LAST_RUN CODE MESSAGE", _record)


def _record(shown: dict[str, Any]) -> tuple[object, ...]:
    names = ("retry_id", "state", "attempts", "last_run", "code", "message")
    return tuple(shown[name] for name in names)


def _wait(asked: Session) -> int:
    return own_code(asked, asked.arguments.run)


def _stop(asked: Session) -> int:
    def stop(run_id: int) -> None:
        body = {"reason": asked.arguments.reason}
        asked.api.change("POST", f"/runs/{run_id}/stop", body)
        asked.say(f"Run {run_id} is told to stop.")

    return _each(asked.arguments.runs, stop)


def _each(run_ids: list[int], do: Callable[[int], object]) -> int:
    """Do something to each run; the exit code is that of the first failure."""
    codes = []
    for run_id in run_ids:
        try:
            do(run_id)
        except ClientError as error:
            codes.append(refused(error))
    return codes[0] if codes else OK


def _retry(asked: Session) -> int:
    given, wanted = asked.arguments, filters(asked)
    many = bool(wanted) or given.all or given.dry_run or given.limit is not None
    if many == bool(given.runs):
        raise Misused("Give either numbers of runs, or filters (or --all).")
    if len(given.runs) == 1:
        return started(asked, f"/runs/{given.runs[0]}/retry", None)
    if given.wait or given.follow or given.at_most is not None:
        raise Misused("Only one run can be waited for.")
    return _retry_many(asked, wanted) if many else _retry_each(asked)


def _retry_each(asked: Session) -> int:
    again: list[dict[str, Any]] = []

    def retry(run_id: int) -> None:
        again.append(asked.api.order(f"/runs/{run_id}/retry").json)

    code = _each(asked.arguments.runs, retry)
    asked.list(again, HEAD, row) if asked.arguments.json else asked.lines(
        str(run["id"]) for run in again
    )
    return code


def _retry_many(asked: Session, wanted: dict[str, object]) -> int:
    given = asked.arguments
    body = {**wanted, "all": given.all, "dry_run": given.dry_run}
    if given.limit is not None:
        body["limit"] = given.limit
    answer = asked.api.order("/runs/retry", body).json
    if given.json:
        asked.document(answer)
    else:
        asked.lines(str(run_id) for run_id in answer["runs"])
        asked.say(f"{answer['matched']} runs match, {answer['retried']} are run again.")
    for refusal in answer["refusals"]:
        terminal.say(f"jobsched: run {refusal['run']}: {refusal['reason']}")
    if answer["left"] and not given.dry_run:
        why = answer["reason"] or "the limit is reached."
        terminal.say(f"jobsched: {answer['left']} are left: {why}")
    return CONFLICT if answer["refused"] or answer["reason"] else OK
