"""The check command: every mistake of the whole configuration at once, changing nothing."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from jobsched import catalog
from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings import Settings, load, logging_file
from jobsched.settings.loading import folders


def check(flags: Mapping[str, object], environ: Mapping[str, str]) -> list[Mistake]:
    """Return what is wrong with settings, catalog, logging and data folder; nothing if all is well.

    *flags* and *environ* are those of :func:`jobsched.settings.load`. A part that is broken does
    not keep the others from being checked.
    """
    mistakes: list[Mistake] = []
    found: dict[str, Path] = folders(flags, environ)
    settings = _attempt(lambda: load(flags, environ), mistakes)
    if isinstance(settings, Settings):
        found |= {name: getattr(settings, name) for name in ("conf_dir", "tasks_dir", "data_dir")}
    if conf_dir := found.get("conf_dir"):
        if tasks_dir := found.get("tasks_dir"):
            _attempt(lambda: catalog.load(conf_dir, tasks_dir), mistakes)
        _attempt(lambda: logging_file.read(conf_dir), mistakes)
    if data_dir := found.get("data_dir"):
        mistakes.extend(data_folder_mistakes(data_dir))
    return mistakes


def _attempt(read: Callable[[], object], mistakes: list[Mistake]) -> object:
    try:
        return read()
    except ConfigurationError as error:
        mistakes.extend(error.mistakes)
        return None


def require_private(data_dir: Path) -> None:
    """Refuse a data folder that others could tamper with. Raises: ConfigurationError."""
    if mistakes := data_folder_mistakes(data_dir):
        raise ConfigurationError(mistakes)


def data_folder_mistakes(data_dir: Path) -> list[Mistake]:
    """Return why *data_dir* cannot hold the data: it is no folder, open to others, or locked.

    A folder that does not exist yet is judged by whether it could be made.
    """
    if not data_dir.exists():
        return _parent_mistakes(data_dir)
    if not data_dir.is_dir():
        return [Mistake(where=str(data_dir), message="is not a directory")]
    facts = data_dir.stat()
    if os.geteuid() not in {0, facts.st_uid}:
        message = f"belongs to user {facts.st_uid}, the server would run as {os.geteuid()}"
        return [Mistake(where=str(data_dir), message=message)]
    if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        message = f"is open to other users; chmod 700 {data_dir}"
        return [Mistake(where=str(data_dir), message=message)]
    return []


def _parent_mistakes(data_dir: Path) -> list[Mistake]:
    parent = next(place for place in data_dir.absolute().parents if place.exists())
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return []
    return [Mistake(where=str(data_dir), message=f"cannot be made in {parent}")]
