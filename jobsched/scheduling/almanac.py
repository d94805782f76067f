"""The calendars that the scheduler goes by, read again when somebody asked for that."""

import logging
from collections.abc import Callable, Mapping

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.errors import ConfigurationError
from jobsched.events import Event, publish

Read = Callable[[], Calendars]


class Almanac:
    """The *calendars* in force; *read* gives them as they are on disk now.

    A calendar file that has been broken meanwhile is named in the log; the old ones stay in force.
    Without *read* they never change.
    """

    def __init__(self, calendars: Calendars = NO_CALENDARS, read: Read | None = None) -> None:
        self.calendars = calendars
        self._read = read
        # A scheduler that came up after a reload was forked with the calendars from before it.
        self._seen_us = 0

    def keep_up(self, asked: Mapping[str, object] | None) -> None:
        """Read again if *asked*, the switch of ``POST /reload``, says so for the first time."""
        reloaded_us = None if asked is None else asked.get("reloaded_us")
        if self._read is None or not isinstance(reloaded_us, int) or reloaded_us <= self._seen_us:
            return
        self._seen_us = reloaded_us
        try:
            self.calendars = self._read()
        except ConfigurationError as error:
            fields: dict[str, object] = {"part": "scheduler", "reason": error.detail}
            publish(Event(name="configuration refused", level=logging.ERROR, fields=fields))
