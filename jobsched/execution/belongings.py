"""Which files belong to the server itself: its folders, its database, its log, its certificate."""

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from jobsched.execution.runner.forbidding import Forbidden
from jobsched.settings import Settings
from jobsched.storage.sqlite import files_of

_LOG = "is the server's log"
_STANDARD = (1, 2)  # where the log goes unless it has a file


def belongings(settings: Settings) -> Forbidden:
    """Return what the output of no job may be written to.

    Called by a process of the server: its own log is looked for, its standard output included.
    """
    places = {os.path.realpath(path): reason for path, reason in _places(settings)}
    known = dict(_known(places))
    folders = [settings.data_dir, settings.conf_dir]
    return Forbidden(
        places=places,
        known=known,
        owner=os.geteuid(),
        devices=frozenset({*(device for device, _ in known), *_devices(folders)}),
    )


def _places(settings: Settings) -> Iterator[tuple[Path, str]]:
    yield settings.data_dir, "lies in the server's data folder"
    yield settings.conf_dir, "lies in the server's configuration folder"
    for path in files_of(settings.database_url):
        yield path, "belongs to the server's database"
    for path in _logs():
        yield path, _LOG
    for certificate in (settings.cert_file, settings.key_file):
        if certificate is not None:
            yield certificate, "is the server's certificate"


def _logs() -> Iterator[Path]:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        for handler in logger.handlers if isinstance(logger, logging.Logger) else ():
            if isinstance(handler, logging.FileHandler):
                yield Path(handler.baseFilename)


def _known(places: dict[str, str]) -> Iterator[tuple[tuple[int, int], str]]:
    for number in _STANDARD:
        with suppress(OSError):
            facts = os.fstat(number)
            if stat.S_ISREG(facts.st_mode):
                yield (facts.st_dev, facts.st_ino), _LOG
    for place, reason in places.items():
        with suppress(OSError):
            facts = Path(place).stat()
            if stat.S_ISREG(facts.st_mode):
                yield (facts.st_dev, facts.st_ino), reason


def _devices(folders: Iterable[Path]) -> Iterator[int]:
    for folder in folders:
        with suppress(OSError):
            yield folder.stat().st_dev
