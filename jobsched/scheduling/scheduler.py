"""The scheduler object: APScheduler's, with a loop that nothing ends and our own cycle."""

import logging
from collections.abc import Callable
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_PAUSED, STATE_STOPPED

from jobsched.events import Event, publish
from jobsched.scheduling.cycle import LONGEST_SLEEP
from jobsched.scheduling.jobstore import JobStore

Wait = Callable[[float], object]


def _nothing() -> None:
    """Stand for a beat or a hint that nobody waits for."""


class JobschedScheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler is untyped
    """A BackgroundScheduler that survives every failure and looks at the clock each second.

    *beat* is called before each look; *wait* sleeps up to so many seconds or until a hint,
    which *hint* gives.
    """

    def __init__(
        self,
        beat: Callable[[], None] = _nothing,
        wait: Wait | None = None,
        hint: Callable[[], None] = _nothing,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._beat = beat
        self._wait = wait or self._wait_for_event
        self._hint = hint
        self._ending = False

    @property
    def is_alive(self) -> bool:
        """Whether the loop's thread runs; ``running`` only tells that it was started."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, *args: Any, **options: Any) -> None:
        """Start the loop in a thread of its own."""
        self._ending = False
        super().start(*args, **options)

    def wakeup(self) -> None:
        """Make the loop look at once."""
        super().wakeup()
        self._hint()

    def shutdown(self, *args: Any, **options: Any) -> None:
        """End the loop after its present round, then close stores and executors."""
        self._ending = True
        if self._thread is not None:
            self.wakeup()
            self._thread.join()
        super().shutdown(*args, **options)

    def _main_loop(self) -> None:
        while self.state != STATE_STOPPED and not self._ending:
            self._beat()
            self._wait(self._guarded())

    def _guarded(self) -> float:
        """Do one round; return the seconds until the next, also when it failed."""
        try:
            seconds = self._process_jobs()
        except Exception as error:  # the edge of a thread: nothing may end the loop
            fields: dict[str, object] = {"error": f"{type(error).__name__}: {error}"}
            publish(Event(name="scheduling failed", level=logging.ERROR, fields=fields))
            return LONGEST_SLEEP
        return LONGEST_SLEEP if seconds is None else min(seconds, LONGEST_SLEEP)

    def _process_jobs(self) -> float | None:
        """Fire our own stores; leave others to APScheduler. Returns: seconds to wait."""
        if self.state == STATE_PAUSED:
            return None
        stores = tuple(self._jobstores.values())
        ours = [store for store in stores if isinstance(store, JobStore)]
        waits = [store.firer.fire() for store in ours]
        if len(ours) < len(stores):
            others = super()._process_jobs()
            waits += [] if others is None else [others]
        return min(waits, default=None)

    def _wait_for_event(self, seconds: float) -> None:
        self._event.wait(seconds)
        self._event.clear()
