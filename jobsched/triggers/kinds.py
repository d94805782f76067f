"""The kinds of triggers that stand for themselves, in the order in which they are named."""

from jobsched.triggers.at import AtTrigger
from jobsched.triggers.base import Trigger
from jobsched.triggers.cron import CronTrigger
from jobsched.triggers.interval import IntervalTrigger
from jobsched.triggers.recurrence import RecurrenceTrigger

SINGLE: tuple[type[Trigger], ...] = (IntervalTrigger, AtTrigger, CronTrigger, RecurrenceTrigger)
