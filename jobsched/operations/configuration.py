"""The settings, catalog and calendars that are in force, and reading them again."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from jobsched import clock
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.catalog import Catalog
from jobsched.errors import ConfigurationError, Conflict, FieldError, InvalidInput
from jobsched.operations.announce import Announcer
from jobsched.settings import Settings, public_name
from jobsched.storage import Store
from jobsched.storage.switches import CONFIGURATION

Loaded = tuple[Settings, Catalog, Calendars]
Load = Callable[[], Loaded]

# What a running process looks up each time; every other setting counts from the next start on.
_LIVE = ("job_defaults", "timezone", "queue_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload brought: tasks and calendars in force, settings that wait for a restart.

    Settings have their names in jobsched.cfg.
    """

    tasks: list[str]
    calendars: list[str]
    restart_needed: list[str]


class Configuration:
    """Holds what is in force; *load* reads all of it again as the start did."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        load: Load | None = None,
        *,
        calendars: Calendars = NO_CALENDARS,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.calendars = calendars
        self._load = load

    def read_again(self) -> Reloaded:
        """Put the configuration as it is now on disk in force in this process.

        Raises: InvalidInput with every mistake (nothing changes then); Conflict when this
            process was not started from files.
        """
        if self._load is None:
            raise Conflict("This server was not started from configuration files.")
        try:
            settings, catalog, calendars = self._load()
        except ConfigurationError as error:
            raise InvalidInput(
                [
                    FieldError(field=mistake.where, rule="configuration", message=str(mistake))
                    for mistake in error.mistakes
                ]
            ) from error
        return self._take(settings, catalog, calendars)

    def _take(self, settings: Settings, catalog: Catalog, calendars: Calendars) -> Reloaded:
        waiting = [
            public_name(field)
            for field in fields(Settings)
            if field.name not in (*_LIVE, "sched_warnings")
            and getattr(settings, field.name) != getattr(self.settings, field.name)
        ]
        self.settings = replace(self.settings, **{name: getattr(settings, name) for name in _LIVE})
        self.catalog, self.calendars = catalog, calendars
        return Reloaded(tasks=catalog.names(), calendars=sorted(calendars), restart_needed=waiting)


class Reloading:
    """The verb that reads the configuration again, here and in the other parts."""

    def __init__(self, store: Store, configuration: Configuration, announce: Announcer) -> None:
        self._store = store
        self._configuration = configuration
        self._announce = announce

    def reload(self, by: str) -> Reloaded:
        """Put the configuration as it is now on disk in force; the other parts follow.

        They see by the switch that there is something to read.

        Raises: InvalidInput with every mistake (nothing changes then); Conflict.
        """
        reloaded = self._configuration.read_again()
        self._store.switches.put(CONFIGURATION, {"reloaded_us": clock.now_us(), "by": by})
        waiting = reloaded.restart_needed or None
        tasks = len(reloaded.tasks)
        self._announce.server("configuration reloaded", by, tasks=tasks, restart_needed=waiting)
        return reloaded
