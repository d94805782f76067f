"""Files of the server's own, to which the output of no job may go, by whatever name.

Standard library only: the runner imports this.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobsched.execution.protocol import Message

_SECOND_NAME = "is a file with a second name, and might be one of the server's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """What must not be written to, each with the reason, which is told after "it".

    *places* are absolute paths of folders and files, whether they exist or not; *known* are
    (device, inode) of files that do. A file with more names than one, of the user *owner* and on
    one of *devices*, may be any of ours: it is forbidden as well.
    """

    places: Mapping[str, str]
    known: Mapping[tuple[int, int], str]
    owner: int
    devices: frozenset[int]

    def path(self, path: str) -> str | None:
        """Return why *path*, links followed, must not be opened; None: it may. Raises: OSError."""
        real = os.path.realpath(path)
        for place, reason in self.places.items():
            if os.path.commonpath([real, place]) == place:
                return reason
        return None

    def file(self, facts: os.stat_result) -> str | None:
        """Return why the file with these *facts* must not be written to; None: it may."""
        if not stat.S_ISREG(facts.st_mode):
            return None
        may_be_ours = facts.st_uid == self.owner and facts.st_dev in self.devices
        second = _SECOND_NAME if may_be_ours and facts.st_nlink > 1 else None
        return self.known.get((facts.st_dev, facts.st_ino), second)

    def to_message(self) -> Message:
        """Return it as a message can carry it."""
        return {
            "places": dict(self.places),
            "known": [[*which, reason] for which, reason in self.known.items()],
            "owner": self.owner,
            "devices": sorted(self.devices),
        }

    @classmethod
    def from_message(cls, given: Mapping[str, Any]) -> "Forbidden":
        """Return what :meth:`to_message` made a message of."""
        return cls(
            places=given["places"],
            known={(device, inode): reason for device, inode, reason in given["known"]},
            owner=given["owner"],
            devices=frozenset(given["devices"]),
        )
