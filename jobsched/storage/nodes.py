"""The machines: each supervisor says every few seconds that it is there, and what it has."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsched.clock import from_us
from jobsched.storage.database import Database
from jobsched.storage.texts import mapping_from, to_text

_BEAT = """
INSERT INTO nodes (name, boot_id, pid, capacity, started_us, heartbeat_us, facts)
VALUES (:name, :boot_id, :pid, :capacity, :started_us, :now_us, :facts)
ON CONFLICT (name) DO UPDATE
SET boot_id = excluded.boot_id, pid = excluded.pid, capacity = excluded.capacity,
    started_us = excluded.started_us, heartbeat_us = excluded.heartbeat_us, facts = excluded.facts
"""
_LIST = """
SELECT name, boot_id, pid, capacity, started_us, heartbeat_us, facts FROM nodes ORDER BY name
"""
_FORGET = "DELETE FROM nodes WHERE name = :name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine's supervisor: *capacity* in runs, *facts* such as its layers and runners."""

    name: str
    boot_id: str
    pid: int
    capacity: int
    started_at: datetime
    heartbeat_at: datetime
    facts: Mapping[str, Any]


class Nodes:
    """All machines that have ever told of themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(
        self,
        *,
        name: str,
        boot_id: str,
        capacity: int,
        started_us: int,
        now_us: int,
        facts: Mapping[str, Any],
    ) -> None:
        """Say that the supervisor in this process is alive, and what there is to know."""
        values = {
            "name": name,
            "boot_id": boot_id,
            "pid": os.getpid(),
            "capacity": capacity,
            "started_us": started_us,
            "now_us": now_us,
            "facts": to_text(facts),
        }
        with self._database.write() as connection:
            self._database.run(connection, _BEAT, values)

    def list(self) -> list[Node]:
        """Return all machines by name."""
        with self._database.read() as connection:
            rows = self._database.run(connection, _LIST).all()
        return [
            Node(
                name=name,
                boot_id=boot_id,
                pid=pid,
                capacity=capacity,
                started_at=from_us(started),
                heartbeat_at=from_us(heartbeat),
                facts=mapping_from(facts),
            )
            for name, boot_id, pid, capacity, started, heartbeat, facts in rows
        ]

    def forget(self, name: str) -> bool:
        """Take a machine off the list; return whether it was on it."""
        with self._database.write() as connection:
            return self._database.run(connection, _FORGET, {"name": name}).rowcount == 1
