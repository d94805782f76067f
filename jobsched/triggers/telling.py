"""A trigger in plain English, its bounds included."""

from jobsched.triggers.base import Trigger
from jobsched.triggers.zones import shown


def describe(trigger: Trigger) -> str:
    """Return a trigger in plain English, such as ``Every 5 minutes, 3 times``.

    Its times are those of its zone, which is not named.
    """
    text = trigger.words()
    if trigger.count is not None:
        times = f"{trigger.count} times" if trigger.count > 1 else "1 time"
        text += f"; {times} in all" if trigger.kind == "any" else f", {times}"
    if trigger.end_us is not None:
        text += f", until {shown(trigger.end_us, trigger.timezone)}"
    return text
