"""``jobsched catalog``: which tasks there are, and what one of them is."""

from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import Session, session


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    example = "jobsched catalog runfoo"
    parser = base.server(base.command(commands, name, session(_catalog), about, example))
    parser.add_argument("task", metavar="TASK", nargs="?", help="name of a task to show")


def _catalog(asked: Session) -> None:
    if asked.arguments.task is not None:
        asked.facts(asked.api.get(f"/catalog/{asked.arguments.task}"))
        return
    tasks = asked.api.get("/catalog")["tasks"]
    asked.document(tasks) if asked.arguments.json else asked.lines(map(str, tasks))
