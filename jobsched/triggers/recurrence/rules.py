"""The moments of a recurrence, counted from its start.

Minutes and hours are elapsed time. Days, weeks and months are local dates with local times of
day, which a change of the clock treats as the policy of the trigger says. What the schedule
leaves open comes from the start: its day, its hours and minutes, and always its second.
"""

from datetime import date

from jobsched.clock import SECOND
from jobsched.model import Dst
from jobsched.triggers.days import Days, EveryFewDays, MonthDays, Weeks
from jobsched.triggers.daytimes import DayTimes
from jobsched.triggers.monthdays import MonthRule
from jobsched.triggers.recurrence.elapsed import DAY, HOUR, MINUTE, Elapsed
from jobsched.triggers.recurrence.pattern import EACH, Frequency, Pattern, Schedule
from jobsched.triggers.series import Grid, Series
from jobsched.triggers.timeline import Timeline
from jobsched.triggers.wall import Wall

EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTHS = range(1, 13)


def elapsed_moments(pattern: Pattern, zone: Timeline, start_us: int) -> Series:
    """Return the moments of a *pattern* in minutes or hours that starts at *start_us*."""
    if pattern.schedule:
        return Elapsed(zone, pattern, start_us // SECOND)
    unit = HOUR if pattern.frequency is Frequency.HOUR else MINUTE
    return Grid(start_us, pattern.step * unit * SECOND)


def dated_moments(pattern: Pattern, zone: Timeline, local: int, dst: Dst) -> Series:
    """Return the moments of a *pattern* in days, weeks or months.

    *local* is the start as the clocks of *zone* show it, in seconds since 1970.
    """
    day, second = divmod(local, DAY)
    days = _days(pattern, day + EPOCH_DAY)
    return Wall(zone, days, day_times(pattern.schedule, second), True, dst)


def day_times(schedule: Schedule, second: int) -> DayTimes:
    """Return all chosen hours with all chosen minutes.

    What is missing comes from the start, which is at *second* of its day; but minutes without
    hours mean every hour (spec/preview.md).
    """
    hours: tuple[int, ...] | range = (second // HOUR,)
    if schedule.minutes:
        hours = range(24)
    minutes = schedule.minutes or (second // MINUTE % 60,)
    return DayTimes(schedule.hours or hours, minutes, (second % MINUTE,))


def _days(pattern: Pattern, start: int) -> Days:
    """Return the days, counted from the day *start*."""
    if pattern.frequency is Frequency.DAY:
        return EveryFewDays(start, pattern.step)
    if pattern.frequency is Frequency.WEEK:
        weekdays = pattern.schedule.weekdays or ((start - 1) % 7,)
        return Weeks(start, pattern.step, weekdays)
    first = date.fromordinal(start)
    origin = first.year * 12 + first.month - 1
    return MonthDays(_MONTHS, _month_rule(pattern.schedule, first.day), pattern.step, origin)


def _month_rule(schedule: Schedule, start_day: int) -> MonthRule:
    """Return the days of a month: those numbered or those named, else that of the start."""
    named = schedule.occurrences
    days = schedule.month_days or (() if named else (start_day,))
    return MonthRule(
        days=frozenset(days),
        weekdays=frozenset(weekday for weekday, which in named if which == EACH),
        nth=frozenset((weekday, which) for weekday, which in named if which != EACH),
    )
