"""Holding an answer back until what was asked for has come true, for a while.

Kudu answers a stop at once and acts seconds later. Here, whoever has the answer finds it done.
"""

from collections.abc import Callable

from jobsched import clock
from jobsched.errors import Unavailable
from jobsched.web import waiting
from jobsched.web.watching import Notice

LONGEST = 10.0  # seconds; what takes longer goes on without its client
_LOOK = 0.1


def until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds, or the client or the server goes, or it takes too long."""
    if condition():
        return
    deadline = clock.monotonic() + LONGEST
    try:
        with waiting.watch(None) as waiter:
            while not condition() and clock.monotonic() < deadline:
                if isinstance(waiter.next(_LOOK), Notice):
                    return
    except Unavailable:
        return  # too many wait already; what was asked for happens all the same
