"""The folders of web jobs, watched beside the supervisor: what changes there is a job at once.

Events of the disk name the jobs to look at; every half minute all of them are looked at, every
few seconds where no events come. What goes wrong is told and tried again: nothing in here may end
the supervisor. What the schedules of the jobs did is written to their files on the way.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from jobsched import clock, operations
from jobsched.app.start import Start, configuration_of
from jobsched.errors import InvalidInput, JobschedError
from jobsched.events import Event, publish
from jobsched.operations.webjobs.schedulerlogs import SchedulerLogs
from jobsched.storage import Store
from jobsched.storage.switches import CONFIGURATION
from jobsched.webjobs import events
from jobsched.webjobs.appsettings import SWITCH
from jobsched.webjobs.discovery import Name
from jobsched.webjobs.places import is_folder

ALL_EVERY = 30.0  # seconds; events may be lost
POLL_EVERY = 3.0  # where there are none
_LOOK_EVERY = 2.0  # for folders that are not there yet, and for changed settings
_GATHER = 800  # milliseconds, at most, that changes are gathered
_QUIET = 200  # milliseconds without a change that end the gathering
_RETRY = 5.0
_SILENT = 60.0  # seconds until events are tried again after they have failed
_REST = 50  # times as long as a look at all folders took: a hundred thousand files take a while


class Watching:
    """Keeps the jobs of the site as its folders are, with a store of its own.

    *notify* wakes the listeners of a topic.
    """

    def __init__(self, start: Start, notify: Callable[[str], None]) -> None:
        self._store = Store.open(start.settings.database_url)
        self._configuration = configuration_of(start)
        self._webjobs = operations.build(self._configuration, self._store, notify).webjobs
        self._logs = SchedulerLogs(self._store, self._configuration)
        self._done = threading.Event()
        self._all_at = 0.0
        self._told = True
        self._said = ""
        self._tidied = False
        self._seen: tuple[object, object] | None = None
        self._thread = threading.Thread(target=self._work, name="webjobs", daemon=True)

    def start(self) -> None:
        """Begin watching."""
        self._thread.start()

    def stop(self) -> None:
        """End after the work at hand."""
        self._done.set()
        self._thread.join()
        self._store.close()

    def _work(self) -> None:
        while not self._done.is_set():
            try:
                self._watch(self._roots())
            except JobschedError as error:
                _tell(error.detail)
            except Exception as error:  # the thread's edge: the next round may well succeed
                _tell(repr(error))
            else:
                continue
            self._done.wait(_RETRY)

    def _roots(self) -> dict[Path, int]:
        """Return the folders of jobs that there are; the numbers tell when one is another."""
        roots = (root for _, root in self._webjobs.site.kinds() if is_folder(root))
        return {root: root.stat().st_ino for root in roots}

    def _watch(self, roots: dict[Path, int]) -> None:
        """Watch *roots* until there are others. Raises: JobschedError, OSError."""
        self._all_at, self._told = 0.0, all(events.are_told(root) for root in roots)
        for paths in self._changes([*roots]):
            self._round(paths)
            # One that was removed and made again may have its old number.
            if self._done.is_set() or paths & roots.keys() or self._roots() != roots:
                return

    def _changes(self, roots: list[Path]) -> Iterator[set[Path]]:
        """Yield what has changed below *roots*, or nothing every now and then."""
        yield set()
        again_at = math.inf
        if roots and self._told:
            try:
                yield from self._told_by_disk(roots)
            except (OSError, RuntimeError) as error:  # no watches left, a name that is no UTF-8
                self._tell_once(
                    f"{error}; the folders are looked at every {POLL_EVERY:g} s instead"
                )
                self._told, self._all_at = False, 0.0
                again_at = clock.monotonic() + _SILENT
        while not self._done.wait(_LOOK_EVERY) and clock.monotonic() < again_at:
            yield set()

    def _tell_once(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            _tell(reason)

    def _told_by_disk(self, roots: list[Path]) -> Iterator[set[Path]]:
        # Imported late: only this thread needs it.
        import watchfiles

        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._all_at = 0.0  # what has changed before the watch began would be lost
        for changes in watchfiles.watch(
            *roots,
            watch_filter=lambda _, path: events.matters(Path(path)),
            debounce=_GATHER,
            step=_QUIET,
            stop_event=self._done,
            rust_timeout=int(_LOOK_EVERY * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            yield {Path(path) for _, path in changes}

    def _round(self, paths: set[Path]) -> None:
        """Look at the jobs that *paths* are about, or at all when it is time for that."""
        if self._settings_changed() or clock.monotonic() >= self._all_at:
            began = clock.monotonic()
            self._sync(None)
            now, every = clock.monotonic(), ALL_EVERY if self._told else POLL_EVERY
            self._all_at = now + max(every, (now - began) * _REST)
        elif paths:
            self._sync(events.names_of(self._webjobs.site, paths))
        self._logs.look()

    def _sync(self, names: set[Name] | None) -> None:
        self._webjobs.sync(names)
        if names is None and not self._tidied:
            self._webjobs.tidy()
            self._tidied = True

    def _settings_changed(self) -> bool:
        """Return whether app settings or the configuration are others than the last time."""
        switches = self._store.switches.all()
        reloaded = switches.get(CONFIGURATION)
        seen = (switches.get(SWITCH), reloaded)
        before, self._seen = self._seen, seen
        if reloaded is not None and (before is None or before[1] != reloaded):
            try:
                self._configuration.read_again()
            except InvalidInput as refusal:  # the supervisor tells of it, too
                _tell(refusal.detail)
        return seen != before


def _tell(reason: str) -> None:
    fields: dict[str, object] = {"part": "supervisor", "reason": reason}
    publish(Event(name="web jobs trouble", level=logging.WARNING, fields=fields))
