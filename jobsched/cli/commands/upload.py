"""``jobsched upload``: a folder, a zip file or a single script becomes a web job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jobsched.cli import terminal
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import Session, session
from jobsched.client.failures import Misused


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    example = "jobsched upload ./cleanup --name cleanup"
    parser = base.server(base.command(commands, name, session(_upload), about, example))
    about = "folder (zipped while it is sent), zip file or script"
    parser.add_argument("path", metavar="DIR|ZIP|FILE", type=Path, help=about)
    about = "name of the web job; default: that of the folder or file"
    parser.add_argument("--name", metavar="NAME", help=about)
    about = "triggered: runs when asked or by its schedule; continuous: runs all the time"
    parser.add_argument(
        "--type", choices=("triggered", "continuous"), default="triggered", help=about
    )


def _upload(asked: Session) -> None:
    from jobsched.client import archives

    given = asked.arguments
    path: Path = given.path
    if not path.exists():
        raise Misused(f"There is no {path}.")
    zipped = path.is_dir() or archives.is_archive(path)
    name = given.name or (path.resolve().name if path.is_dir() else path.stem)
    if not name or "/" in name:
        raise Misused(f"{name!r} cannot be the name of a web job; see --name.")
    body = archives.of_folder(path) if path.is_dir() else archives.of_file(path)
    file = f"{name}.zip" if path.is_dir() else path.name
    headers = {
        "Content-Type": "application/zip" if zipped else "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file, safe='')}",
    }
    with asked.progress(f"upload of {name}") as progress:
        answer = asked.api.connection.send(
            f"/api/{given.type}webjobs/{name}", _counted(body, progress), headers
        )
    _tell(asked, name, answer.json)


def _tell(asked: Session, name: str, job: dict[str, Any]) -> None:
    if asked.arguments.json:
        asked.document(job)
    asked.say(f"The {asked.arguments.type} web job {name!r} has its new files.")
    if job.get("error"):
        asked.say(f"But it cannot run: {job['error']}")


def _counted(body: Iterator[bytes], progress: terminal.Progress) -> Iterator[bytes]:
    sent = 0
    for block in body:
        sent += len(block)
        progress.tell(f"{sent / 1_000_000:.1f} MB")
        yield block
