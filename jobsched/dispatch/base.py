"""The seam between queued runs and whoever executes them.

A dispatcher only hints that there is work: the rows stay the truth, so a hint that is lost or
comes twice does no harm. A further engine is one module here and one line in ENGINES.
"""

from typing import Protocol


class Dispatcher(Protocol):
    """Tells supervisors that something of theirs has changed in the rows."""

    name: str

    def hint(self) -> None:
        """Hint that there are runs to claim, or to stop, now that this is committed."""

    def close(self) -> None:
        """Give back what it holds."""
