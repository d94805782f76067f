"""Logging: set up from the configuration folder, and one line for every event.

The rest of the program publishes events and never writes to a log; the listener here turns each
into ``event key=value ...`` under the logger ``jobsched``, at the event's own level.
"""

import json
import logging
import logging.config
import re
from configparser import RawConfigParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobsched import events
from jobsched.errors import ConfigurationError, Mistake
from jobsched.settings import logging_file
from jobsched.settings.logging_file import LoggingFile

LONGEST_VALUE = 32_768
_LOGGER = logging.getLogger("jobsched")
# At DEBUG these tell of their own inner life, thousands of lines a second.
_NOISY = ("alembic", "apscheduler", "asyncio", "sqlalchemy", "gunicorn")
_BARE = re.compile(r"[^\s\"'=\\\x00-\x1f\x7f-\xa0\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_DEFAULT: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "plain",
        }
    },
    "root": {"level": "DEBUG", "handlers": ["console"]},
}


def start(conf_dir: Path) -> None:
    """Set up logging from *conf_dir* and log every event of this process from now on.

    Processes forked from this one go on doing so; call it once.

    Raises: ConfigurationError if the logging file is wrong.
    """
    configure(conf_dir)
    events.listen(log)


def configure(conf_dir: Path) -> None:
    """Apply the logging file of *conf_dir*; without one everything from DEBUG goes to stdout.

    Raises: ConfigurationError if the logging file is wrong.
    """
    file = logging_file.read(conf_dir)
    if file is None:
        logging.config.dictConfig(_DEFAULT)
    else:
        _apply(file)
    for name in _NOISY:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)


def _apply(file: LoggingFile) -> None:
    try:
        if isinstance(file.source, RawConfigParser):
            logging.config.fileConfig(file.source, disable_existing_loggers=False)
        else:
            logging.config.dictConfig({"disable_existing_loggers": False, **file.source})
    except Exception as error:
        # A handler's class is code of the user's choice; whatever it raises is one mistake.
        message = f"cannot be applied: {error.__cause__ or error} ({error})"
        raise ConfigurationError([Mistake(where=str(file.path), message=message)]) from error


def log(event: events.Event) -> None:
    """Write *event* as one line."""
    if _LOGGER.isEnabledFor(event.level):
        _LOGGER.log(event.level, "%s", line(event))


def line(event: events.Event) -> str:
    """Return ``run finished job=backup run=812 seconds=2.500``; what is None is left out."""
    pairs = (f"{key}={_shown(value)}" for key, value in event.fields.items() if value is not None)
    return " ".join((_escaped(event.name), *pairs))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, list | tuple | set | frozenset):
        return _shown(",".join(str(item) for item in value))
    return _text(str(value))


def _text(text: str) -> str:
    if _BARE.fullmatch(text) and len(text) <= LONGEST_VALUE:
        return text
    cut = len(text) - LONGEST_VALUE
    tail = f" (and {cut} more characters)" if cut > 0 else ""
    return _escaped(json.dumps(text[:LONGEST_VALUE] + tail, ensure_ascii=False))


def _escaped(text: str) -> str:
    """Return *text* without characters that end a line or hide what follows."""
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
