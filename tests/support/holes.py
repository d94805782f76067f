"""An interval that leaves something out, for tests that need to say exactly what and when."""

from collections.abc import Iterator

import pytest

from jobsched.clock import SECOND
from jobsched.triggers import IntervalTrigger
from jobsched.triggers.series import Omission


def hole(at_us: int, total: int = 1, note: str = "Christmas Day") -> Omission:
    """Return *total* omitted moments, a second apart from *at_us* on."""
    last_us = at_us + (total - 1) * SECOND
    return Omission(at_us, last_us, total, "2023-12-25", "calendar", note)


def dig(monkeypatch: pytest.MonkeyPatch, *holes: Omission) -> None:
    """Let every interval omit *holes* as well, until the test is over."""

    class Holed(IntervalTrigger):
        __slots__ = ()

        @property
        def may_omit(self) -> bool:
            return True

        def omissions(self, first_us: int, end_us: int) -> Iterator[Omission]:
            end_us = min(end_us, self.last_us + 1)
            return (each for each in holes if first_us <= each.at_us < end_us)

    monkeypatch.setattr("jobsched.triggers.TRIGGERS", (Holed,))
