"""What is the same for all runs of this supervisor, read again when somebody asked for that."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from jobsched import clock
from jobsched.catalog import Catalog
from jobsched.errors import ConfigurationError
from jobsched.events import Event, publish
from jobsched.execution.script import working_folder
from jobsched.execution.supervisor.handover import Handover
from jobsched.execution.supervisor.reportfiles import ReportFiles
from jobsched.execution.supervisor.webjobs import WebJobRuns
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.storage.switches import CONFIGURATION, Switches
from jobsched.webjobs import appsettings

_LOOK_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Settings, catalog, folder, and the variables that jobs inherit.

    *found* remembers the command lines of scripts for a moment.
    """

    settings: Settings
    catalog: Catalog
    folder: str
    inherited: Mapping[str, str]
    webjobs: WebJobRuns
    handover: Handover
    found: dict[str, tuple[float, list[str]]] = field(default_factory=dict)

    @property
    def runs_dir(self) -> str:
        """Where long outputs are kept."""
        return f"{self.settings.data_dir}/runs"

    @classmethod
    def here(cls, settings: Settings, catalog: Catalog, store: Store) -> "Surroundings":
        """Return those of this process: its folder and what jobs may inherit of its variables."""
        return cls(
            settings=settings,
            catalog=catalog,
            folder=str(working_folder()),
            inherited=allowed_variables(os.environ, settings.environment),
            webjobs=WebJobRuns(
                settings=settings,
                find=store.webjobs.get,
                app=lambda: appsettings.read(store.switches, settings),
            ),
            handover=Handover(store.records, ReportFiles(settings.data_dir)),
        )


class Present:
    """The surroundings in force; *read_again* gives the catalog as it is on disk now."""

    def __init__(
        self, around: Surroundings, switches: Switches, read_again: Callable[[], Catalog]
    ) -> None:
        self.around = around
        self._switches = switches
        self._read_again = read_again
        # A supervisor that came up after a reload was forked with the catalog from before it.
        self._seen_us = 0
        self._look_at = 0.0

    def keep_up(self) -> None:
        """Look now and then whether the catalog is to be read again. Raises: JobschedError."""
        if clock.monotonic() >= self._look_at:
            self._look_at = clock.monotonic() + _LOOK_EVERY
            self.look()

    def look(self) -> None:
        """Read the catalog again if ``POST /reload`` has said so since the last time.

        A catalog that has been broken meanwhile is named in the log; the old one stays in force.
        Raises: JobschedError (database).
        """
        asked = self._switches.get(CONFIGURATION)
        if asked is None or asked["reloaded_us"] <= self._seen_us:
            return
        self._seen_us = asked["reloaded_us"]
        try:
            self.around = replace(self.around, catalog=self._read_again(), found={})
        except ConfigurationError as error:
            fields: dict[str, object] = {"part": "supervisor", "reason": error.detail}
            publish(Event(name="configuration refused", level=logging.ERROR, fields=fields))


def allowed_variables(environ: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """Return the variables of *environ* that *patterns* (``LC_*``) name: never a secret of ours."""
    allowed = tuple(patterns)
    return {
        name: value
        for name, value in environ.items()
        if any(fnmatchcase(name, pattern) for pattern in allowed)
    }
