"""Why a run of a web job was made, in Kudu's words: somebody asked for it, or its schedule.

Who asked is kept as ``NAME (PROGRAM)``, PROGRAM being what HTTP calls the user agent.
"""

import re
from collections.abc import Mapping

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.errors import InvalidInput
from jobsched.model import Run
from jobsched.triggers import describe, restore
from jobsched.triggers.cron.normal import normalised

_LONGEST = 120  # characters of a program's name
_ASKED = re.compile(r"[^(]* \((?P<program>.*)\)")


def asked(name: str, program: str) -> str:
    """Return what is kept of somebody who asks: ``deploy (curl/8.5.0)``."""
    program = "".join(filter(str.isprintable, program)).strip()[:_LONGEST]
    return f"{name} ({program})" if program else name


def cause(
    run: Run, trigger: Mapping[str, object] | None, calendars: Calendars = NO_CALENDARS
) -> str:
    """Return ``External - <program>`` or ``Schedule - <normalised cron>``.

    *trigger* is that of the job, None when it is not known; which one the job had when the run
    was made, nobody keeps.
    """
    if run.requested_by is not None:
        match = _ASKED.fullmatch(run.requested_by)
        return f"External - {match['program'] if match else run.requested_by}"
    if run.due_at is None:
        return "External - retry"
    return "Schedule" if trigger is None else f"Schedule - {_schedule(trigger, calendars)}"


def _schedule(trigger: Mapping[str, object], calendars: Calendars) -> str:
    cron = trigger.get("cron")
    if isinstance(cron, Mapping):
        return normalised(str(cron["expression"]))
    try:
        return describe(restore(trigger, calendars))
    except InvalidInput:  # a calendar that it names is gone
        return "unknown"
