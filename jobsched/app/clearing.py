"""Forgetting everything at a start: all jobs and runs of earlier ones, and their output."""

import shutil

from jobsched.errors import ConfigurationError, Mistake
from jobsched.execution.supervisor import hosting
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage import clearing as rows

_ALIVE = "jobs of an earlier start are still alive; start and stop once without it"


def clear(settings: Settings) -> None:
    """Empty the database of *settings* and remove all outputs; tokens and the audit log stay.

    Raises: ConfigurationError when runs of an earlier start are still alive: their numbers would
        be given to others.
    """
    known = hosting.known_runners(settings.data_dir, settings.node)
    if any(hosting.is_alive(settings.data_dir, name) for name in known):
        raise ConfigurationError([Mistake(where="--clear", message=_ALIVE)])
    for name in known:
        hosting.discard(settings.data_dir, name)
    store = Store.open(settings.database_url)
    try:
        rows.clear(store.database)
    finally:
        store.close()
    shutil.rmtree(settings.runs_dir, ignore_errors=True)
