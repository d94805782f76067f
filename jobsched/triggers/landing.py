"""On which days moved moments can land: found by leaping over those on which nothing can.

A *next_day* returns the first day, from the one given on, that has a moment before calendars move
it, None if there is none. Days are counted as ``date.toordinal`` does.
"""

from collections.abc import Callable, Iterator

from jobsched.triggers.closing import Closing

FURTHEST = 366  # days that a moment is moved at most
_STRIDE = 32  # days after which it is asked anew whether anything can still come

NextDay = Callable[[int], int | None]


def days_after(closing: Closing, next_day: NextDay, day: int, end: int) -> Iterator[int]:
    """Yield the days from *day* on and before *end* on which what comes before can land, or more.

    After a day that is open all the time nothing waits any longer: the next that can land is what
    has its turn after it.
    """
    while (day := closing.run_end(day)) < end:
        if closing.takes_over(day, 1):
            yield day
        source: int | None = day + 1
        if not closing.barred(day):
            source = next_day(day + 1)
        elif day % _STRIDE == 0:
            source = next_day(day - FURTHEST)
        if source is None:
            return
        day = max(day + 1, source)


def days_ahead(closing: Closing, next_day: NextDay, day: int, end: int) -> Iterator[int]:
    """Yield the days from *day* on and before *end* on which what comes later can land, or more.

    Nothing lands before the last day ahead of it that is open all the time.
    """
    while (day := closing.run_end(day)) < end:
        source = next_day(day + 1)
        if source is None:
            return
        first, oldest = source - 1, max(day, source - FURTHEST)
        while first > oldest and closing.barred(first):
            first -= 1
        yield from range(first, min(source, end))
        day = source
