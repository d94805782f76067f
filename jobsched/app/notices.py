"""What whoever starts the server should know: told once, in the log, as warnings."""

import logging
import os
from collections.abc import Iterator

from jobsched.events import Event
from jobsched.settings import Settings
from jobsched.storage import wal_reset_fault

_ROOT_JOBS = "set RUN_AS to a user without rights, or ALLOW_ROOT_JOBS = True if this is meant so"
_OPEN = "every process of this machine that is root is an admin; make a token"
_UNNAMED = "requests by the machine's names and addresses are refused until TRUSTED_HOSTS has them"
_ANYWHERE = {"0.0.0.0", "::", "[::]"}  # noqa: S104 - compared with, not listened on
_UNSOUND = "SQLite before 3.51.3 can damage its log when two processes reset it at once; update it"


def notices(settings: Settings, tokens_exist: bool) -> Iterator[Event]:
    """Yield the warnings that *settings*, this process's rights and the machine give rise to."""
    for text in settings.sched_warnings:
        yield _warning("configuration warning", text=text)
    root = os.geteuid() == 0
    if root and settings.run_as is None and not settings.allow_root_jobs:
        yield _warning("jobs run as root", advice=_ROOT_JOBS)
    if root and not tokens_exist:
        yield _warning("loopback is open", advice=_OPEN)
    if settings.host in _ANYWHERE and not settings.trusted_hosts:
        yield _warning("no trusted hosts", host=settings.host, advice=_UNNAMED)
    version = wal_reset_fault()
    if version is not None and settings.database_url.startswith("sqlite"):
        yield _warning("sqlite is old", version=version, advice=_UNSOUND)


def _warning(name: str, **fields: object) -> Event:
    return Event(name=name, level=logging.WARNING, fields=fields)
