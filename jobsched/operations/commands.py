"""The verbs of the text commands: run a command with bash, list commands, kill a run at once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobsched import clock
from jobsched.catalog import SHELL
from jobsched.errors import FieldError, InvalidInput, NotAllowed
from jobsched.execution.belongings import belongings
from jobsched.execution.script import working_folder
from jobsched.model import EndedBy, Run
from jobsched.operations.announce import Announcer
from jobsched.operations.configuration import Configuration
from jobsched.operations.policies import default_policy
from jobsched.operations.queueing import Queue
from jobsched.settings import Settings
from jobsched.settings.addresses import is_loopback
from jobsched.storage import Store
from jobsched.storage.commands import CommandFilter
from jobsched.storage.newruns import NewRun

LONGEST_COMMAND = 131_071  # bytes: Linux gives a process no longer argument
LONGEST_PATH = 4095
_AT_ONCE = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME, _GROUP = "job", "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What somebody wants run: *text* is for bash; *outlog* and *errlog* are files of theirs."""

    text: str
    name: str = _NAME
    group: str = _GROUP
    sync: bool = True
    outlog: str | None = None
    errlog: str | None = None


class Commands:
    """Running commands and looking at them."""

    def __init__(
        self, store: Store, configuration: Configuration, queue: Queue, announce: Announcer
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._queue = queue
        self._announce = announce

    def require_allowed(self) -> None:
        """Raise NotAllowed where commands are switched off (``ALLOW_SUBMIT``)."""
        settings = self._configuration.settings
        allowed = settings.allow_submit
        if not (is_loopback(settings.host) if allowed is None else allowed):
            raise NotAllowed(
                "Commands are not run here: the server listens beyond this machine, or they are "
                "switched off. ALLOW_SUBMIT = True in jobsched.cfg lets admins run them."
            )

    def submit(self, command: Command, by: str, holder: str | None = None) -> Run:
        """Queue *command*; with a *holder* it is attached to the client whom that process holds.

        Raises: NotAllowed, InvalidInput, QueueFull.
        """
        self.require_allowed()
        settings = self._configuration.settings
        if wrong := [*_mistakes(command, settings)]:
            raise InvalidInput(wrong)
        new = self._new(command, by, settings)
        if holder is None:
            return self._queue.add(new)
        self._queue.require_room()
        run = self._store.attached.add(new, holder, self._announce.supervisor)
        self._announce.run("queued", run.id, by, name=run.name)
        return run

    def list(self, filters: CommandFilter) -> Iterator[Run]:
        """Yield the runs that pass *filters*, the oldest first, as they are read."""
        after = 0
        while page := self._store.commands.page(filters, after, _AT_ONCE):
            yield from page
            after = page[-1].id

    def kill(self, run_id: int, by: str) -> Run:
        """End any run now, without its grace; one that waits is done at once.

        Raises: UnknownRun, RunAlreadyFinished.
        """
        run = self._queue.stop(run_id, EndedBy.KILL, f"killed by {by}")
        self._announce.run("stopping", run_id, by, reason="killed")
        return run

    def _new(self, command: Command, by: str, settings: Settings) -> NewRun:
        given = {"outlog": command.outlog, "errlog": command.errlog}
        return NewRun(
            name=command.name,
            task=SHELL,
            created_us=clock.now_us(),
            params={
                "command": command.text,
                "group": command.group,
                "sync": int(command.sync),
                **{name: path for name, path in given.items() if path is not None},
            },
            policy=default_policy(
                self._configuration.catalog.get(SHELL), settings.job_defaults, None
            ),
            requested_by=by,
        )


def _mistakes(command: Command, settings: Settings) -> Iterator[FieldError]:
    """Yield what is wrong with a command's parts."""
    yield from _text_mistakes(command.text)
    for field, word in (("name", command.name), ("group", command.group)):
        if not 1 <= len(word) <= 200:
            yield _wrong(field, "length", f"{field} must have 1 to 200 characters.")
        elif _CONTROL.search(word):
            yield _wrong(field, "characters", f"{field} must not contain control characters.")
    for field, path in (("outlog", command.outlog), ("errlog", command.errlog)):
        if path is not None:
            yield from _path_mistakes(field, path, settings)


def _text_mistakes(text: str) -> Iterator[FieldError]:
    size = len(text.encode("utf-8"))
    if not text.strip():
        yield _wrong("command", "required", "command must not be empty.")
    if size > LONGEST_COMMAND:
        message = f"command has {size} bytes; the system passes on {LONGEST_COMMAND} at most."
        yield _wrong("command", "length", message)
    if "\0" in text:
        yield _wrong("command", "characters", "command must not contain a NUL character.")


def _path_mistakes(field: str, path: str, settings: Settings) -> Iterator[FieldError]:
    if "\0" in path:
        yield _wrong(field, "characters", f"{field} must not contain a NUL character.")
    elif len(path.encode("utf-8")) > LONGEST_PATH:
        yield _wrong(field, "length", f"{field} may have {LONGEST_PATH} bytes at most.")
    elif reason := _forbidden(working_folder() / path, settings):
        yield _wrong(field, "file", f"{field} cannot be this file: it {reason}.")


def _forbidden(path: Path, settings: Settings) -> str | None:
    """Return why no command may write to *path*, as far as it is seen already."""
    forbidden = belongings(settings)
    try:
        return forbidden.path(str(path)) or forbidden.file(path.stat())
    except (OSError, ValueError):
        return None  # the start of the command will say what is wrong


def _wrong(field: str, rule: str, message: str) -> FieldError:
    return FieldError(field=field, rule=rule, message=message)
