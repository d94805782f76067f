"""Pausing all scheduling at once, and going on: one row that every cycle reads."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsched import clock
from jobsched.errors import InvalidInput
from jobsched.operations.announce import Announcer
from jobsched.storage import Store
from jobsched.storage.switches import PAUSE_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseOfAll:
    """Whether nothing fires at present; since when, until when, who asked and why."""

    paused: bool
    since: datetime | None = None
    until: datetime | None = None
    by: str | None = None
    reason: str | None = None


class Scheduling:
    """The switch over all jobs."""

    def __init__(self, store: Store, announce: Announcer) -> None:
        self._store = store
        self._announce = announce

    def state(self) -> PauseOfAll:
        """Return whether everything is paused."""
        return _state(self._store.switches.get(PAUSE_ALL) or {})

    def pause(
        self, by: str, until: datetime | None = None, reason: str | None = None
    ) -> PauseOfAll:
        """Let nothing fire from now on, or until *until*.

        Raises: InvalidInput when *until* has passed.
        """
        now_us = clock.now_us()
        until_us = None if until is None else clock.to_us(until)
        if until_us is not None and until_us <= now_us:
            raise InvalidInput.field("until", "past", "until lies in the past.")
        before = self._store.switches.get(PAUSE_ALL) or {}
        since_us = before["since_us"] if _state(before).paused else now_us
        value = {
            "paused": True,
            "since_us": since_us,
            "until_us": until_us,
            "by": by,
            "why": reason,
            "resumed_us": None,
        }
        self._store.switches.put(PAUSE_ALL, value)
        self._announce.server("scheduling paused", by, logging.WARNING, reason=reason)
        return _state(value)

    def resume(self, by: str) -> PauseOfAll:
        """Let jobs fire again; what fell into the pause is skipped."""
        before = self._store.switches.get(PAUSE_ALL) or {}
        if not _state(before).paused:
            return _state(before)
        value = {**before, "paused": False, "resumed_us": clock.now_us()}
        self._store.switches.put(PAUSE_ALL, value)
        self._announce.server("scheduling resumed", by)
        return _state(value)


def _state(value: Mapping[str, Any]) -> PauseOfAll:
    until_us = value.get("until_us")
    if not value.get("paused") or (until_us is not None and until_us <= clock.now_us()):
        return PauseOfAll(paused=False)
    return PauseOfAll(
        paused=True,
        since=clock.from_us(value["since_us"]),
        until=None if until_us is None else clock.from_us(until_us),
        by=value.get("by"),
        reason=value.get("why"),
    )
