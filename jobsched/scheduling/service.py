"""The scheduler part: what its process runs until it is told to stop."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from jobsched import calendars as calendar_file
from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.scheduling.almanac import Almanac
from jobsched.scheduling.executor import QueueExecutor
from jobsched.scheduling.jobstore import JobStore
from jobsched.scheduling.scheduler import JobschedScheduler
from jobsched.settings import Settings
from jobsched.storage import Store
from jobsched.wake import Listener

# How often the main thread looks whether the loop still lives.
LOOK_SECONDS = 1.0


class SchedulerDied(RuntimeError):
    """The loop's thread has ended although nobody stopped it."""


def run(
    settings: Settings,
    beat: Callable[[], None],
    stopping: threading.Event,
    notify: Callable[[str], None],
    calendars: Calendars = NO_CALENDARS,
) -> None:
    """Fire jobs whenever this process leads, until *stopping* is set.

    *calendars* are those to begin with; *notify* wakes the listeners of a topic; *beat* is called
    at least every second while all is well. The database must have been migrated before.

    Raises: SchedulerDied, so that the parent starts it anew.
    """
    with ExitStack() as stack:
        store = Store.open(settings.database_url)
        stack.callback(store.close)
        listener = stack.enter_context(Listener(settings.data_dir, "scheduler"))
        almanac = Almanac(calendars, lambda: calendar_file.load(settings.conf_dir))
        scheduler = JobschedScheduler(
            beat=beat, wait=listener.wait, hint=lambda: notify("scheduler"), timezone="UTC"
        )
        scheduler.add_jobstore(JobStore(store, notify=notify, almanac=almanac), "default")
        scheduler.add_executor(QueueExecutor(store), "default")
        scheduler.start()
        stack.callback(scheduler.shutdown)
        while not stopping.wait(LOOK_SECONDS):
            if not scheduler.is_alive:
                raise SchedulerDied("The scheduler's thread has ended.")
