"""Telling web hooks, beside the supervisor: whose events it hears, and with which run objects."""

from jobsched import events, operations
from jobsched.app.hints import hints
from jobsched.app.runobjects import RunObjects
from jobsched.app.start import Start, configuration_of
from jobsched.operations.webhooks.delivering import Deliverer
from jobsched.storage import Store


class Telling:
    """Delivers what is due, with a store of its own, while the supervisor serves."""

    def __init__(self, start: Start) -> None:
        settings = start.settings
        self._store = Store.open(settings.database_url)
        verbs = operations.build(configuration_of(start), self._store, hints(settings.data_dir))
        self._deliverer = Deliverer(settings, self._store, RunObjects(verbs))
        self._deaf = events.listen(self._deliverer.hear)

    def start(self) -> None:
        """Begin telling."""
        self._deliverer.start()

    def stop(self) -> None:
        """End; what is not told by then is told after the next start."""
        self._deaf()
        self._deliverer.stop()
        self._store.close()
