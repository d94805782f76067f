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
    record = _Record(wrapping)
    try:
        command = _start(wrapping, relays, signals)
    except Unstartable as error:
        return _not_started(record, error)
    record.begin(command.wish)
    code = os.waitstatus_to_exitcode(command.wait(wrapping.timeout))
    over = record.now()
    record.end(over | _end(command, code) | _outputs(relays))
    return code if code >= 0 else 128 - code


class _Record:
    """What is told of the command, and who tells it; where it is kept if nobody can."""

    def __init__(self, wrapping: Wrapping) -> None:
        self._wrapping = wrapping
        self._report, self._begun = _report(wrapping), time.monotonic()
        self._teller = Teller(wrapping.find)
        self._entry = Entry(wrapping.spool, os.urandom(16).hex())

    def begin(self, wish: Callable[[str], None]) -> None:
        """Begin to tell; *wish* does what the server asks for."""
        self._reporter = Reporter(self._teller, self._entry, self._report, wish)

    def now(self) -> Json:
        """Return the moment of the end; a clock that was set meanwhile does not count."""
        started = datetime.fromisoformat(self._report["started_at"])
        over = started + timedelta(seconds=time.monotonic() - self._begun)
        return {"ended_at": over.isoformat()}

    def end(self, end: Json) -> None:
        """Tell the end, or keep it and say so."""
        report = self._report | end
        if self._reporter.end(report):
            with suppress(OSError):
                self._entry.forget()
            return
        why = self._reporter.failure
        kept = self._dropped() if is_hopeless(why) else self._kept(report)
        if not self._wrapping.quiet:
            _say(f"{_told(why)} {kept}")

    def _kept(self, report: Json) -> str:
        folder = self._wrapping.spool
        try:
            self._entry.keep(self._teller.url, report)
        except OSError as error:
            return f"The run is not recorded: {folder}: {error.strerror}."
        return f"The run is told later, from {folder}."

    def _dropped(self) -> str:
        with suppress(OSError):
            self._entry.forget()
        return "The run is not recorded."


def _start(wrapping: Wrapping, relays: dict[int, Relay], signals: Signals) -> Command:
    """Start the command, and hold on to nothing that is the command's. Raises: Unstartable."""
    streams = {number: relay.pipe for number, relay in relays.items()}
    command = Command(wrapping.words, streams, signals)
    for relay in set(relays.values()):
        relay.started()
    _let_go()
    return command


def _not_started(record: _Record, error: Unstartable) -> int:
    """Tell the caller and the server that there was nothing to run; return the exit code."""
    _say(str(error))
    record.begin(lambda _: None)
    reason = _clean(f"It cannot be started: {error}")
    record.end(record.now() | {"exit_code": error.code, "reason": reason})
    return error.code


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


def _told(why: Exception | None) -> str:
    """Return a failure in one line."""
    if isinstance(why, ClientError):
        return " ".join([why.detail, *why.more])
    return str(why or "The server does not answer.")


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"jobsched wrap: {_clean(text)}\n")
        sys.stderr.flush()


def _clean(text: str) -> str:
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in line)[:500]
