"""Times by the clock and the calendar: cron expressions in two dialects."""

from jobsched.triggers.cron.dialects import Dialect
from jobsched.triggers.cron.expression import LONGEST, BadExpression, Expression, read_expression
from jobsched.triggers.cron.trigger import CronTrigger

__all__ = ["LONGEST", "BadExpression", "CronTrigger", "Dialect", "Expression", "read_expression"]
