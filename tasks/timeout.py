"""A task that never ends by itself: its watchdog ends it."""

import time

from jobsched.watchdog import watchdog


class TimeoutJob:
    """Prints a phrase, then hangs until the watchdog bites after one second."""

    def __init__(self, phrase):
        self.phrase = phrase

    @watchdog(1)
    def __call__(self, info):
        print(self.phrase)
        while True:
            time.sleep(60)
