"""The story of ``jobsched wrap``: start the command, tell of it, wait for it, tell its end."""

import base64
import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobsched.client.failures import ClientError
from jobsched.execution.wrap.command import Command, Signals, Unstartable
from jobsched.execution.wrap.relay import Relay
from jobsched.execution.wrap.spool import Entry
from jobsched.execution.wrap.telling import Reporter, Teller, is_hopeless

if TYPE_CHECKING:
    from jobsched.client.access import Access

_LONGEST_COMMAND = 8000
_STDIN, _STDOUT, _STDERR = range(3)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """A command to run: its *words*, the run's *name*, perhaps the *job* it belongs to.

    *find* names the server, *spool* is the folder for what cannot be told. *timeout* in seconds.
    """

    words: Sequence[str]
    name: str
    job: str | None
    timeout: float | None
    output: bool
    quiet: bool
    find: Callable[[], "Access"]
    spool: Path


def run(wrapping: Wrapping) -> int:
    """Run the command and return its exit code, 128 + N when signal N ended it."""
    signals = Signals()
    relays = _relays() if wrapping.output else {}
    report, begun = _report(wrapping), time.monotonic()
    teller, entry = Teller(wrapping.find), Entry(wrapping.spool, os.urandom(16).hex())
    try:
        streams = {number: relay.pipe for number, relay in relays.items()}
        command = Command(wrapping.words, streams, signals)
    except Unstartable as error:
        _say(str(error))
        reporter = Reporter(teller, entry, report, lambda _: None)
        end: Json = {"exit_code": error.code, "reason": _clean(f"It cannot be started: {error}")}
        _tell_end(wrapping, reporter, teller, entry, report | end | _now(report, begun))
        return error.code
    distinct = {id(relay): relay for relay in relays.values()}.values()
    for relay in distinct:
        relay.started()
    _let_go()
    reporter = Reporter(teller, entry, report, command.wish)
    status = command.wait(wrapping.timeout)
    code = os.waitstatus_to_exitcode(status)
    end = _now(report, begun) | _end(command, code) | _outputs(relays)
    _tell_end(wrapping, reporter, teller, entry, report | end)
    return code if code >= 0 else 128 - code


def _relays() -> dict[int, Relay]:
    """Return what copies stdout and stderr: not a terminal, which a program treats in its own way.

    Where both lead to the same place one relay keeps the order of what is written.
    """
    relays: dict[int, Relay] = {}
    with suppress(OSError):  # without descriptors or processes there is no copy
        for number in (_STDOUT, _STDERR):
            if not _is_open(number) or os.isatty(number):
                continue
            both = number == _STDERR and _STDOUT in relays and os.path.sameopenfile(1, 2)
            relays[number] = relays[_STDOUT] if both else Relay(number)
    return relays


def _is_open(number: int) -> bool:
    """Return whether we were given this stream, which nothing of ours has taken the place of."""
    try:
        return os.get_inheritable(number)
    except OSError:
        return False


def _let_go() -> None:
    """Hold on to neither stdin nor stdout: who is at their other ends waits for the command."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number in (_STDIN, _STDOUT):
            os.dup2(nothing, number, inheritable=False)


def _report(wrapping: Wrapping) -> Json:
    command = shlex.join(wrapping.words).encode("utf-8", "surrogateescape")
    report: Json = {
        "name": wrapping.name,
        "host": _host(),
        "command": command.decode("utf-8", "replace")[:_LONGEST_COMMAND],
        "started_at": datetime.now(UTC).isoformat(),
    }
    return report if wrapping.job is None else {**report, "job": wrapping.job}


def _host() -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
    return name.lstrip("._-")[:64] or "node"


def _now(report: Json, begun: float) -> Json:
    """Return the moment of the end; a clock that was set meanwhile does not count."""
    started = datetime.fromisoformat(report["started_at"])
    return {"ended_at": (started + timedelta(seconds=time.monotonic() - begun)).isoformat()}


def _end(command: Command, code: int) -> Json:
    end: Json = {"exit_code": code} if code >= 0 else {"signal": -code}
    if command.timed_out:
        end["ended_by"] = "timeout"
    elif command.stopped:
        end["ended_by"] = "stop"
    return end


def _outputs(relays: dict[int, Relay]) -> Json:
    """Return what is kept of the command's output."""
    told: Json = {}
    for number, name in ((_STDOUT, "out"), (_STDERR, "err")):
        relay = relays.get(number)
        if relay is None or (number == _STDERR and relay is relays.get(_STDOUT)):
            continue
        kept = relay.finish()
        if kept is not None:
            told[name] = base64.b64encode(kept[0]).decode("ascii")
            told[f"{name}_bytes"] = kept[1]
    return told


def _tell_end(
    wrapping: Wrapping, reporter: Reporter, teller: Teller, entry: Entry, report: Json
) -> None:
    """Tell the end, or keep it and say so."""
    if reporter.end(report):
        with suppress(OSError):
            entry.forget()
        return
    why = reporter.failure
    told = why.detail if isinstance(why, ClientError) else str(why or "The server does not answer.")
    more = " ".join(why.more) if isinstance(why, ClientError) else ""
    told = f"{told} {more}".strip()
    if is_hopeless(why):
        kept = "The run is not recorded."
        with suppress(OSError):
            entry.forget()
    else:
        kept = _kept(teller, entry, report)
    if not wrapping.quiet:
        _say(f"{told} {kept}")


def _kept(teller: Teller, entry: Entry, report: Json) -> str:
    try:
        entry.keep(teller.url, report)
    except OSError as error:
        return f"The run is not recorded: {entry.path}: {error.strerror}."
    return f"The run is told later, from {entry.path.parent}."


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"jobsched wrap: {_clean(text)}\n")
        sys.stderr.flush()


def _clean(text: str) -> str:
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in line)[:500]
