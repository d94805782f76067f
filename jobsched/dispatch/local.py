"""Runs go to the supervisor of this machine: the hint is a datagram."""

from pathlib import Path

from jobsched.wake import Wake

_TOPIC = "supervisor"


class LocalDispatcher:
    """Wakes the supervisor that shares this data folder."""

    name = "local"

    def __init__(self, data_dir: Path) -> None:
        self._wake = Wake(data_dir)

    def hint(self) -> None:
        """Hint that there are runs to claim, or to stop."""
        self._wake.notify(_TOPIC)

    def close(self) -> None:
        """Close the socket."""
        self._wake.close()
