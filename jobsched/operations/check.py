"""The check command: every mistake of the whole configuration at once, changing nothing."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jobsched import calendars, catalog
from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings import certificate, load, logging_file
from jobsched.settings.loading import folders
from jobsched.storage.database import require_driver
from jobsched.webjobs import access

T = TypeVar("T")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PASS = stat.S_IXGRP | stat.S_IXOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is to be said about a configuration: what stops the start, and what does not."""

    mistakes: list[Mistake]
    warnings: tuple[str, ...] = ()


def check(flags: Mapping[str, object], environ: Mapping[str, str]) -> Findings:
    """Look at settings, catalog, calendars, logging, data folder and the database's address.

    *flags* and *environ* are those of :func:`jobsched.settings.load`. A part that is broken does
    not keep the others from being checked.
    """
    mistakes: list[Mistake] = []
    found: dict[str, Path] = folders(flags, environ)
    settings = _attempt(lambda: load(flags, environ), mistakes)
    if settings is not None:
        found |= {name: getattr(settings, name) for name in ("conf_dir", "tasks_dir", "data_dir")}
        url = settings.database_url
        _attempt(lambda: require_driver(url), mistakes)
        mistakes.extend(certificate.mistakes(settings))
    if conf_dir := found.get("conf_dir"):
        if tasks_dir := found.get("tasks_dir"):
            _attempt(lambda: catalog.load(conf_dir, tasks_dir), mistakes)
        _attempt(lambda: calendars.load(conf_dir), mistakes)
        _attempt(lambda: logging_file.read(conf_dir), mistakes)
    if data_dir := found.get("data_dir"):
        mistakes.extend(data_folder_mistakes(data_dir))
    warnings = () if settings is None else settings.sched_warnings
    return Findings(mistakes=list(dict.fromkeys(mistakes)), warnings=warnings)


def _attempt(read: Callable[[], T], mistakes: list[Mistake]) -> T | None:
    try:
        return read()
    except ConfigurationError as error:
        mistakes.extend(error.mistakes)
        return None


def make_private(data_dir: Path) -> None:
    """Make the data folder, for its owner only; an empty one that is open is closed.

    One that others may pass, for jobs that run as them, shows them nothing on the way.
    Raises: ConfigurationError when others could have tampered with it, or it cannot be made.
    """
    if mistakes := data_folder_mistakes(data_dir):
        raise ConfigurationError(mistakes)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data_dir.stat().st_mode & _OTHERS:
            _close(data_dir)
    except OSError as error:
        message = f"cannot be made: {error.strerror}"
        mistake = Mistake(where=f"--data-dir {data_dir}", message=message)
        raise ConfigurationError([mistake]) from error


def _close(data_dir: Path) -> None:
    if any(data_dir.iterdir()):
        access.close_beside(data_dir)
    else:
        data_dir.chmod(0o700)


def data_folder_mistakes(data_dir: Path) -> list[Mistake]:
    """Return why *data_dir* cannot hold the data: it is no folder, open to others, or locked.

    A folder that does not exist yet is judged by whether it could be made; an empty one may be
    open, for the start closes it.
    """
    where = f"--data-dir {data_dir}"
    if not data_dir.exists():
        return _parent_mistakes(data_dir)
    if not data_dir.is_dir():
        return [Mistake(where=where, message="is not a directory")]
    facts = data_dir.stat()
    if os.geteuid() not in {0, facts.st_uid}:
        message = f"belongs to user {facts.st_uid}, the server would run as {os.geteuid()}"
        return [Mistake(where=where, message=message)]
    if _open_to_others(data_dir) and any(data_dir.iterdir()):
        message = f"is open to other users; look who wrote what in it, then chmod 700 {data_dir}"
        return [Mistake(where=where, message=message)]
    return []


def _open_to_others(folder: Path) -> bool:
    return bool(folder.stat().st_mode & _OTHERS & ~_PASS)


def _parent_mistakes(data_dir: Path) -> list[Mistake]:
    parent = next(place for place in data_dir.absolute().parents if place.exists())
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        return []
    return [Mistake(where=f"--data-dir {data_dir}", message=f"cannot be made in {parent}")]
