"""Calendars: days, or parts of days, on which jobs do not run.

A calendar knows nothing of jobs and time zones; its days are those of whoever asks.
"""

from jobsched.calendars.base import NO_CALENDARS, Calendar, Calendars, Window
from jobsched.calendars.reading import load

__all__ = ["NO_CALENDARS", "Calendar", "Calendars", "Window", "load"]
