"""The kind ``recurrence``: the model of Azure Scheduler, its limits and its table of starts."""

from jobsched.triggers.recurrence.pattern import Frequency, Pattern, Schedule
from jobsched.triggers.recurrence.trigger import RecurrenceTrigger

__all__ = ["Frequency", "Pattern", "RecurrenceTrigger", "Schedule"]
