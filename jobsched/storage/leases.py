"""Who leads: a right held by one owner for a while, numbered by an epoch that only grows.

Where several machines share the database, times are those of its clock, not of theirs.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from jobsched import clock
from jobsched.storage.database import Database

_TAKE = """
INSERT INTO leases (name, owner, epoch, expires_us) VALUES (:name, :owner, 1, :expires)
ON CONFLICT (name) DO UPDATE
SET owner = excluded.owner, epoch = leases.epoch + 1, expires_us = excluded.expires_us
WHERE leases.expires_us <= :now OR leases.owner = excluded.owner
RETURNING epoch
"""
_RENEW = """
UPDATE leases SET expires_us = :expires
WHERE name = :name AND owner = :owner AND epoch = :epoch
"""
_RELEASE = """
UPDATE leases SET expires_us = 0 WHERE name = :name AND owner = :owner AND epoch = :epoch
"""
_READ = "SELECT owner, epoch, expires_us FROM leases WHERE name = :name"
_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """Who holds a right, under which epoch, and until when; *expires_us* 0 = given back."""

    owner: str
    epoch: int
    expires_us: int


class Leases:
    """The rights that one process at a time may have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, owner: str, seconds: float, now_us: int | None = None) -> int | None:
        """Take the right *name* for *seconds*; return its epoch, None while another holds it.

        *now_us* is for where the database's own clock shall not count.
        """
        with self._database.write() as connection:
            now = clock_of(self._database, connection, now_us)
            values = {"name": name, "owner": owner, "now": now, "expires": _later(now, seconds)}
            epoch: int | None = self._database.run(connection, _TAKE, values).scalar()
            return epoch

    def renew(
        self, name: str, owner: str, epoch: int, seconds: float, now_us: int | None = None
    ) -> bool:
        """Hold the right for *seconds* from now; False when somebody else has taken it."""
        with self._database.write() as connection:
            expires = _later(clock_of(self._database, connection, now_us), seconds)
            values = {"name": name, "owner": owner, "epoch": epoch, "expires": expires}
            return self._database.run(connection, _RENEW, values).rowcount == 1

    def release(self, name: str, owner: str, epoch: int) -> bool:
        """Give the right back, so that the next one need not wait; False when it was lost."""
        with self._database.write() as connection:
            values = {"name": name, "owner": owner, "epoch": epoch}
            return self._database.run(connection, _RELEASE, values).rowcount == 1

    def read(self, name: str) -> HeldLease | None:
        """Return who holds or last held the right."""
        with self._database.read() as connection:
            row = self._database.run(connection, _READ, {"name": name}).first()
        return None if row is None else HeldLease(owner=row[0], epoch=row[1], expires_us=row[2])


def clock_of(database: Database, connection: Connection, now_us: int | None = None) -> int:
    """Return *now_us*, or else the time by which leases on *database* are measured."""
    if now_us is not None:
        return now_us
    if database.is_sqlite:
        return clock.now_us()
    return int(database.run(connection, _CLOCK).scalar_one())


def _later(now_us: int, seconds: float) -> int:
    return now_us + round(seconds * clock.SECOND)
