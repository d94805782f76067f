"""``jobsched upcoming``: what all jobs will do."""

from typing import Any

from jobsched.cli import times
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import Session, session


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    example = "jobsched upcoming --hours 8"
    parser = base.server(base.command(commands, name, session(_upcoming), about, example))
    parser.add_argument("--hours", metavar="N", help="how far to look ahead, 1 to 168; default: 24")
    base.limit(parser)


def _upcoming(asked: Session) -> None:
    given = asked.arguments
    found = asked.api.values("/upcoming", {"hours": given.hours}, given.limit)
    asked.list(found, "AT NAME JOB P95 RUNNING", _row)


def _row(moment: dict[str, Any]) -> tuple[object, ...]:
    length = times.length(moment["p95"])
    return (moment["at"], moment["name"], moment["job"], length, moment["running"])
