"""The ``preview`` command: what a schedule will do, without a server and without storing anything.

Moments go to stdout, one a line: local time, UTC, and a note if there is something to say.
Everything else goes to stderr, so that the moments can be piped on.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from jobsched.calendars import NO_CALENDARS, Calendars
from jobsched.errors import InvalidInput
from jobsched.operations.preview import FROM, N, previewed
from jobsched.triggers import describe
from jobsched.triggers.fields import iso
from jobsched.triggers.preview import USUAL, Preview
from jobsched.web import strictjson

OK, REFUSED = 0, 2
_LONGEST = 1_048_576  # bytes on stdin, as many as the server takes


def run(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    """Print the preview that *arguments* ask for; return the exit code, 2 for refused input.

    Raises: ConfigurationError.
    """
    timezone, known = _configured(arguments["conf_dir"], environ)
    try:
        asked, n = _with_flags(_asked(arguments), arguments)
        found = previewed(asked, n, timezone=timezone, calendars=known)
    except InvalidInput as refusal:
        for error in refusal.errors:
            _say(f"jobsched: {error.message}")
        return REFUSED
    _print_json(found) if arguments["json"] else _print(found)
    return OK


def _configured(conf_dir: str | None, environ: Mapping[str, str]) -> tuple[str, Calendars]:
    """Return time zone and calendars of the configuration, if there is one."""
    conf_dir = conf_dir or environ.get("JOBSCHED_CONF_DIR")
    if not conf_dir:
        return "UTC", NO_CALENDARS
    from jobsched import calendars
    from jobsched.settings import load

    # The task files do not matter here: any folder that is there will do.
    settings = load({"conf_dir": conf_dir, "tasks_dir": os.sep}, environ)
    return settings.timezone, calendars.load(settings.conf_dir)


def _asked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of the trigger: a cron expression, a JSON object, or ``-`` for stdin.

    Raises: InvalidInput.
    """
    text, zone, dialect = arguments["trigger"], arguments["zone"], arguments["dialect"]
    if text != "-" and not text.lstrip().startswith("{"):
        cron = text if dialect is None else {"expression": text, "dialect": dialect}
        return {"cron": cron, "timezone": zone}
    raw = sys.stdin.buffer.read(_LONGEST + 1) if text == "-" else os.fsencode(text)
    trigger = _object(raw)
    if dialect is not None:
        message = "--dialect belongs to a cron expression; say it in the JSON object."
        raise InvalidInput.field("--dialect", "one_of", message)
    if zone is not None and trigger.get("timezone") is not None:
        message = "The time zone is said twice: by --zone and in the JSON object."
        raise InvalidInput.field("--zone", "one_of", message)
    return trigger if zone is None else {**trigger, "timezone": zone}


def _with_flags(
    asked: Mapping[str, Any], arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], object]:
    """Return what is *asked*, and how many moments; what flags say wins over the JSON object."""
    flags = {name: arguments[name] for name in (FROM, N) if arguments[name] is not None}
    merged = {**asked, **flags}
    n = merged.pop(N, None)
    return merged, USUAL if n is None else n


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > _LONGEST:
        raise InvalidInput.field("body", "length", f"The JSON is longer than {_LONGEST} bytes.")
    found: dict[str, Any] = json.loads(strictjson.checked(raw))
    return found


def _print(found: Preview) -> None:
    trigger = found.trigger
    _say(f"{describe(trigger)} ({trigger.timezone})")
    lines = (
        "  ".join([planned.local.isoformat(), iso(planned.at_us), *filter(None, [planned.note])])
        for planned in found.next
    )
    _write("".join(f"{line}\n" for line in lines))
    for skipped in found.skipped:
        _say(f"skipped {skipped.date}: {skipped.note}")
    for warning in trigger.warnings():
        _say(f"warning: {warning.message}")


def _print_json(found: Preview) -> None:
    _write(json.dumps(found.to_json(), indent=2) + "\n")


def _write(text: str) -> None:
    """Write to stdout; whoever reads may stop when he has enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nor shall the interpreter complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command's answer
