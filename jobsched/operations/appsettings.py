"""The app settings of the site: texts by name that web jobs find in their environment.

Some of them say how web jobs are treated (``webjobs.appsettings``); every change wakes whoever
obeys them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from jobsched.errors import FieldError, InvalidInput, Unavailable, UnknownSetting
from jobsched.operations.announce import Announcer
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.webjobs import appsettings
from jobsched.webjobs.appsettings import SWITCH, AppSettings

MOST_SETTINGS = 500
MOST_VALUE = 32_767  # characters: what a variable may have where Kudu comes from
MOST_BYTES = 524_288  # of all names and values: they are in the environment of every process
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_OURS = "JOBSCHED_"


class AppSettingsBook:
    """Reading and changing app settings."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        announce: Announcer,
        obey: Callable[[], object] = lambda: None,
    ) -> None:
        """Make it; *obey* is called after a change by which web jobs may be treated otherwise."""
        self._store = store
        self._settings = settings
        self._announce = announce
        self._obey = obey

    def read(self) -> AppSettings:
        """Return the app settings and what they mean."""
        return appsettings.read(self._store.switches, self._settings)

    def all(self) -> dict[str, str]:
        """Return every app setting, by name."""
        return dict(sorted(self.read().values.items()))

    def get(self, name: str) -> str:
        """Return one app setting. Raises: UnknownSetting."""
        value = self.read().values.get(name)
        if value is None:
            raise UnknownSetting(name)
        return value

    def put(self, values: Mapping[str, str], by: str) -> None:
        """Add or replace these app settings, the others stay.

        Raises: InvalidInput with every name and value that cannot be one.
        """
        if mistakes := list(_mistakes(values)):
            raise InvalidInput(mistakes)

        def added(present: Mapping[str, Any]) -> Mapping[str, Any]:
            return _bounded({**present, **values})

        if values:
            self._change(added, by, values)

    def delete(self, name: str, by: str) -> None:
        """Remove an app setting; one that is not there is none afterwards, too."""

        def without(present: Mapping[str, Any]) -> Mapping[str, Any]:
            return {kept: value for kept, value in present.items() if kept != name}

        if name in self.read().values:
            self._change(without, by, {name: ""})

    def _change(self, change: Any, by: str, changed: Mapping[str, str]) -> None:
        self._store.switches.change(SWITCH, change)
        # Never the values: secrets live here.
        self._announce.server("app settings changed", by, names=" ".join(sorted(changed)))
        with suppress(Unavailable):  # the supervisor looks as well, a moment later
            self._obey()


def _mistakes(values: Mapping[str, str]) -> Iterator[FieldError]:
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            message = f"{name[:100]!r} must be 1 to 128 letters, digits or any of _.:-"
            yield FieldError(field=name[:100], rule="characters", message=message)
        elif name.upper().startswith(_OURS):
            message = f"{name} cannot be set: such variables tell jobs about their run."
            yield FieldError(field=name, rule="not_allowed", message=message)
        elif len(value) > MOST_VALUE:
            message = f"{name} may have {MOST_VALUE} characters at most."
            yield FieldError(field=name, rule="length", message=message)
        elif "\0" in value:
            message = f"{name} may not have NUL characters."
            yield FieldError(field=name, rule="characters", message=message)


def _bounded(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* if they are not too many for an environment. Raises: InvalidInput."""
    size = sum(len(f"{name}={value}".encode()) for name, value in values.items())
    if len(values) > MOST_SETTINGS or size > MOST_BYTES:
        message = f"There may be {MOST_SETTINGS} settings with {MOST_BYTES} bytes in all."
        raise InvalidInput.field("settings", "too_many", message)
    return values
