"""What is set for the whole program, such as the pause of all scheduling: JSON by name."""

from collections.abc import Callable, Mapping
from typing import Any

from jobsched import clock
from jobsched.storage.database import Database
from jobsched.storage.texts import mapping_from, to_text

# Written by POST /reload: {"reloaded_us": ..., "by": ...}; the parts read their files again.
CONFIGURATION = "configuration"
# {"paused", "since_us", "until_us", "by", "why", "resumed_us"}: the pause of all scheduling.
PAUSE_ALL = "pause_all"
_GET = "SELECT value FROM switches WHERE name = :name"
_LOCKED = f"{_GET} FOR UPDATE"
_ALL = "SELECT name, value FROM switches"
_PUT = """
INSERT INTO switches (name, value, updated_us) VALUES (:name, :value, :now)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_us = excluded.updated_us
"""
_BEGIN = """
INSERT INTO switches (name, value, updated_us) VALUES (:name, '{}', :now)
ON CONFLICT (name) DO NOTHING
"""
Value = Mapping[str, Any]


class Switches:
    """All switches of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the value of a switch, None when it has never been set."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _GET, {"name": name})
        return mapping_from(rows[0][0]) if rows else None

    def all(self) -> dict[str, dict[str, Any]]:
        """Return the values of all switches that have ever been set, by name."""
        with self._database.read() as connection:
            rows = self._database.rows(connection, _ALL)
        return {name: mapping_from(text) for name, text in rows}

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Set a switch."""
        values = {"name": name, "value": to_text(value) or "{}", "now": clock.now_us()}
        with self._database.write() as connection:
            self._database.run(connection, _PUT, values)

    def change(self, name: str, change: Callable[[Value], Value]) -> None:
        """Set a switch to what *change* makes of its present value; nobody gets in between.

        What *change* raises leaves everything as it was.
        """
        with self._database.write() as connection:
            values: dict[str, Any] = {"name": name, "now": clock.now_us()}
            self._database.run(connection, _BEGIN, values)
            query = _GET if self._database.is_sqlite else _LOCKED
            text = self._database.run(connection, query, {"name": name}).scalar_one()
            values["value"] = to_text(change(mapping_from(text))) or "{}"
            self._database.run(connection, _PUT, values)
