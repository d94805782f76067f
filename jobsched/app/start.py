"""What every part of the server is started with."""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jobsched import calendars as calendar_file
from jobsched import catalog as catalogs
from jobsched.calendars import Calendars
from jobsched.catalog import Catalog
from jobsched.errors import ConfigurationError
from jobsched.operations.check import check
from jobsched.operations.configuration import Configuration, Loaded
from jobsched.settings import Settings, load
from jobsched.settings.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a part is started with; *flags* as given, *listener* and *certificate* for the web.

    *shut_down* asks the parent of all parts to stop them; None where there is none. With *clear*
    all that was kept before is forgotten.
    """

    settings: Settings
    catalog: Catalog
    calendars: Calendars
    flags: Mapping[str, object] = field(default_factory=dict)
    listener: socket.socket | None = None
    certificate: Certificate | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
    shut_down: Callable[[], None] | None = None
    clear: bool = False


def read(flags: Mapping[str, object], environ: Mapping[str, str]) -> Start:
    """Return what the server is started with: settings, catalog and calendars as they are on disk.

    Raises: ConfigurationError with every mistake.
    """
    try:
        settings = load(flags, environ)
        catalog = catalogs.load(settings.conf_dir, settings.tasks_dir)
        calendars = calendar_file.load(settings.conf_dir)
    except ConfigurationError as error:
        raise with_the_others(error, flags, environ) from error
    return Start(settings=settings, catalog=catalog, calendars=calendars, flags=dict(flags))


def configuration_of(start: Start) -> Configuration:
    """Return what is in force at *start*, which can be read again in the same way."""

    def load() -> Loaded:
        again = read(start.flags, os.environ)
        if start.certificate is not None:
            start.certificate.read_again()
        return again.settings, again.catalog, again.calendars

    return Configuration(start.settings, start.catalog, load, calendars=start.calendars)


def with_the_others(
    error: ConfigurationError, flags: Mapping[str, object], environ: Mapping[str, str]
) -> ConfigurationError:
    """Return *error* with the mistakes of the other files: the first broken one need not be all."""
    others = check(flags, environ).mistakes
    return ConfigurationError(list(dict.fromkeys([*error.mistakes, *others])))
