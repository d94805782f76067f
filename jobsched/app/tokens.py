"""The ``token`` command: making, listing and taking back tokens beside a server or without one."""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobsched import auth, clock
from jobsched.errors import ConfigurationError, InvalidInput, Mistake
from jobsched.model import Role
from jobsched.operations.announce import Announcer
from jobsched.operations.check import make_private
from jobsched.operations.tokens import Tokens
from jobsched.settings import Settings, load
from jobsched.storage import Store
from jobsched.wake import Wake

_EXPIRES = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_BY = "command line"
_LAST = (
    "That was the last token: on the loopback interface, processes of the server's own user (and "
    "root) are admins again."
)


def run(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    """Do what ``token VERB`` says; return the exit code.

    Raises: InvalidInput, UnknownToken, ConfigurationError.
    """
    verbs = {"create": _create, "list": _list, "revoke": _revoke}
    with _tokens(arguments, environ) as tokens:
        verbs[arguments["verb"]](tokens, arguments)
    return 0


def command(settings: Settings) -> str:
    """Return the command line that makes the first token of a server with *settings*."""
    folders = ["--conf-dir", str(settings.conf_dir), "--data-dir", str(settings.data_dir)]
    words = [sys.executable, "-m", "jobsched", "token", "create", *folders]
    return shlex.join([*words, "--role", "admin", "--name", "NAME"])


def expiry(text: str | None) -> datetime | None:
    """Return the moment that *text* (``12h``, ``30d``) from now is. Raises: InvalidInput."""
    if text is None:
        return None
    found = _EXPIRES.fullmatch(text)
    if found is None:
        message = f"{text!r} is no duration; write such as 12h, 30d or 8w."
        raise InvalidInput.field("--expires", "duration", message)
    return clock.now() + timedelta(**{_UNITS[found[2]]: int(found[1])})


def _create(tokens: Tokens, arguments: Mapping[str, Any]) -> None:
    name, expires_at = arguments["name"], expiry(arguments["expires"])
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no name: letters, digits, - and _, 64 at most."
        raise InvalidInput.field("--name", "name", message)
    if arguments["role"] not in list(Role):
        message = f"{arguments['role']!r} is no role; there are {', '.join(Role)}."
        raise InvalidInput.field("--role", "role", message)
    secret = auth.new_token()
    digest, role = auth.digest(secret), Role(arguments["role"])
    tokens.add(name=name, role=role, digest=digest, by=_BY, expires_at=expires_at)
    print(secret)  # noqa: T201 - this is the command's answer


def _list(tokens: Tokens, _: Mapping[str, Any]) -> None:
    for token in tokens.list():
        expires, used = _shown(token.expires_at), _shown(token.used_at)
        print(f"{token.id}\t{token.name}\t{token.role}\texpires {expires}\tused {used}")  # noqa: T201


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _revoke(tokens: Tokens, arguments: Mapping[str, Any]) -> None:
    if tokens.revoke(arguments["id"], by=_BY) == 0:
        print(_LAST)  # noqa: T201 - who revokes a token should know


@contextmanager
def _tokens(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Tokens]:
    data_dir, url = _where(arguments, environ)
    make_private(data_dir)
    store, wake = Store.open(url, migrate=True), Wake(data_dir)
    try:
        yield Tokens(store, Announcer(wake.notify))
    finally:
        store.close()
        wake.close()


def _where(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Path, str]:
    """Return data folder and database: of the settings if there are any, else of the folder."""
    conf_dir = arguments["conf_dir"] or environ.get("JOBSCHED_CONF_DIR")
    data_dir = arguments["data_dir"]
    if conf_dir:
        # The task files do not matter here; a server's own start asks for them.
        tasks_dir = environ.get("JOBSCHED_TASKS_DIR") or os.fspath(conf_dir)
        flags = {"conf_dir": conf_dir, "tasks_dir": tasks_dir, "data_dir": data_dir}
        settings = load(flags, environ)
        return settings.data_dir, settings.database_url
    folder = Path(data_dir or environ.get("JOBSCHED_DATA_DIR") or Path.cwd() / "var").absolute()
    if data_dir and not folder.is_dir():
        message = f"there is no directory {folder}"
        raise ConfigurationError([Mistake(where="--data-dir", message=message)])
    given = Settings(conf_dir=folder, tasks_dir=folder, data_dir=folder)
    url = environ.get("JOBSCHED_DATABASE_URL") or given.database_url
    return folder, url
