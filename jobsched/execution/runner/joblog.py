"""Kudu's log files of a web job's run, written line by line beside the raw capture.

A line is ``[MM/dd/yyyy HH:mm:ss > inst06: SYS INFO] text`` for what happens to the run and
``[... > inst06: INFO] text`` for what it writes (``ERR `` for stderr), UTC, ended by CRLF; the
text is kept byte for byte (webjobs.md, section 5). A triggered run has files of its own, which
end at a size; a continuous job has one that is rolled over. Where the disk is full lines are
lost, the run goes on. Standard library only: the runner imports this.
"""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from jobsched.execution.regular import open_file

RESTS_AFTER = 0.5  # seconds without more of a line after which its beginning is shown
_LONGEST_PART = 1 << 13  # bytes of a line that are held back at the most
_LEVELS = (b"INFO", b"ERR ")
_END = b"\r\n"
_ADVICE: Mapping[str, str] = {
    "idle": " WEBJOBS_IDLE_TIMEOUT, or idle_timeout in settings.job, changes this limit.",
    "timeout": " timeout in settings.job changes this limit.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOrder:
    """What to write, and where: the paths of *output* and of *errors* (None: of no file).

    *instance* is the name in front, *script* and *host* are told at the start. *cap* is the most
    bytes of one file (None: no end), *rolled* the names, newest first, that a file gets after
    *roll_at* bytes. *first* and *stopped* are Kudu's words for a run that begins, or was stopped.
    *collected* is the path of a file, rolled too, that all jobs share: what this one writes goes
    there as well, under its *name*.
    """

    output: str
    instance: str
    script: str
    host: str
    errors: str | None = None
    cap: int | None = None
    rolled: tuple[str, ...] = ()
    roll_at: int = 10 * 2**20
    first: str = "Initializing"
    stopped: str = "Aborted"
    collected: str | None = None
    name: str = ""

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "LogOrder":
        """Return the order that stands in a start message. Raises: TypeError."""
        return cls(**{**message, "rolled": tuple(message.get("rolled", ()))})


class JobLog:
    """The log of one run."""

    def __init__(self, order: LogOrder) -> None:
        self._order = order
        self._sheet = _Sheet(_File(order.output, order))
        self._errors = None if order.errors is None else _Sheet(_File(order.errors, order))
        self._collected = _collected(order)
        self._rest = [b"", b""]
        self._second = 0
        self._stamp = b""

    @property
    def continuous(self) -> bool:
        """Whether it goes on from run to run."""
        return bool(self._order.rolled)

    # What happens to the run

    def begin(self) -> None:
        """Tell that the run begins, and what it runs."""
        order = self._order
        self.system(f"Status changed to {order.first}")
        self.system(f"Run script '{order.script}' with script host - '{order.host}'")

    def running(self) -> None:
        """Tell that the script itself runs."""
        self.system("Status changed to Running")

    def still_running(self) -> None:
        """Tell that a continuous job runs on."""
        self.system("WebJob is still running")

    def stopping(self, ended_by: str, reason: str | None) -> None:
        """Tell that the run is asked to end, why and by whom."""
        self.system(f"Stopping ({ended_by}): {reason or 'it was asked for.'}", b"WARN")

    def end(self, facts: Mapping[str, Any]) -> None:
        """Tell how the run ended and close the files.

        *facts* are ``ended_by`` (an EndedBy), ``exit_code``, ``signal`` and ``reason``.
        """
        self.flush(last=True)
        word, why = verdict(facts, self._order.stopped)
        self.system(f"Status changed to {word}")
        if why:
            self.system(why, b"ERR ")
        self.close()

    def close(self) -> None:
        """Close the files; more can still be written."""
        self._sheet.close()
        if self._errors is not None:
            self._errors.close()
        if self._collected is not None:
            self._collected.close()

    def waiting(self, seconds: float) -> None:
        """Tell that a continuous job is started again after *seconds*, and close the files."""
        self.system(f"Process went down, waiting for {round(seconds, 1):g} seconds")
        self.system("Status changed to PendingRestart")
        self.close()

    def system(self, text: str, level: bytes = b"INFO") -> None:
        """Write one line of our own, or one for each line of *text*."""
        data = text.encode("utf-8", "replace") + b"\n"
        self._sheet.lines(-1, data, self._prefix(b"SYS " + level))

    # What the run writes

    def output(self, number: int, data: bytes) -> bool:
        """Write what came of stream *number*; return whether the log wants any more."""
        if self._sheet.full:
            return False
        data = self._rest[number] + data
        end = data.rfind(b"\n") + 1
        self._rest[number] = data[end:]
        if end:
            self._lines(number, data[:end].replace(b"\r\n", b"\n"))
        if len(self._rest[number]) > _LONGEST_PART:
            self._part(number)
        return self._goes_on()

    def _goes_on(self) -> bool:
        if not self._sheet.full:
            return True
        text = f"The log ends here, at {self._order.cap} bytes; the run's own output goes on."
        self.system(text, b"WARN")
        return False

    @property
    def pending(self) -> bool:
        """Whether a line has begun that is not shown yet."""
        return bool(self._rest[0] or self._rest[1])

    def flush(self, *, last: bool = False) -> None:
        """Show the lines that have begun; *last* when nothing more will come."""
        for number in (0, 1):
            if self._rest[number]:
                self._part(number, last=last)

    def _lines(self, number: int, data: bytes) -> None:
        prefix = self._prefix(_LEVELS[number])
        self._sheet.lines(number, data, prefix)
        if number and self._errors is not None:
            self._errors.lines(number, data, prefix)
        self._collect(number, data, prefix)

    def _part(self, number: int, *, last: bool = False) -> None:
        data = self._rest[number]
        held = 0 if last else _unfinished(data)
        self._rest[number] = data[len(data) - held :]
        data = data[: len(data) - held]
        prefix = self._prefix(_LEVELS[number])
        self._sheet.part(number, data, prefix)
        if number and self._errors is not None:
            self._errors.part(number, data, prefix)
        if data:  # others write there too: what has begun is a line of its own
            self._collect(number, data + b"\n", prefix)

    def _collect(self, number: int, data: bytes, prefix: bytes) -> None:
        if self._collected is not None:
            name = self._order.name.encode("utf-8", "replace")
            self._collected.lines(number, data, prefix + name + b": ")

    def _prefix(self, level: bytes) -> bytes:
        now = int(time.time())
        if now != self._second:
            moment = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(now))
            self._second = now
            self._stamp = f"[{moment} > {self._order.instance}: ".encode("utf-8", "replace")
        return self._stamp + level + b"] "


def verdict(facts: Mapping[str, Any], stopped: str = "Aborted") -> tuple[str, str | None]:
    """Return Kudu's word for an end, and the sentence that says more about it.

    seeds.md 3.1; *stopped* is the word for a run that was made to end.
    """
    ended_by, reason = facts["ended_by"], facts.get("reason")
    if ended_by == "not_started":
        return "Failed", reason
    if ended_by != "exit":
        return stopped, f"Job aborted ({ended_by}): {reason or ''}" + _ADVICE.get(ended_by, "")
    if facts.get("exit_code") == 0:
        return "Success", reason
    why = _exit_of(facts)
    return "Failed", f"{reason}\n{why}" if reason else why


def _exit_of(facts: Mapping[str, Any]) -> str:
    number = facts.get("signal")
    if number is None:
        return f"Job failed due to exit code {facts.get('exit_code')}"
    name = ""
    with suppress(ValueError):
        name = f" ({signal.Signals(number).name})"
    return f"Job failed due to signal {number}{name}"


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end of *data* begin a UTF-8 character without ending it."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
        return back if byte >= 0xC0 and back < needed else 0
    return 0


class _Sheet:
    """One log file as lines: knows whose line is not ended yet."""

    def __init__(self, file: "_File") -> None:
        self._file = file
        self._open: int | None = None

    @property
    def full(self) -> bool:
        return self._file.full

    def lines(self, number: int, data: bytes, prefix: bytes) -> None:
        """Write whole lines, the last one ended by its line feed."""
        begin = self._begin(number, prefix)
        self._open = None
        text = data[:-1].replace(b"\n", _END + prefix)
        self._file.append(begin + text + _END, system=number < 0)

    def part(self, number: int, data: bytes, prefix: bytes) -> None:
        """Write the beginning, or more, of a line that goes on."""
        begin = self._begin(number, prefix)
        self._open = number
        self._file.append(begin + data)
        if self._file.full:
            self._open = None

    def _begin(self, number: int, prefix: bytes) -> bytes:
        if self._open == number:
            return b""
        return prefix if self._open is None else _END + prefix

    def close(self) -> None:
        if self._open is not None:
            self._file.append(_END, system=True)
        self._open = None
        self._file.close()


def _collected(order: LogOrder) -> _Sheet | None:
    if order.collected is None:
        return None
    older = tuple(f"{order.collected}.{number}" for number in (1, 2, 3, 4))
    return _Sheet(_File(order.collected, replace(order, cap=None, rolled=older)))


@dataclass(slots=True)
class _File:
    """Bytes at the end of a file, which is capped, or rolled over."""

    path: str
    order: LogOrder
    full: bool = False
    _handle: int = -1
    _size: int = 0
    _torn: bool = field(default=False)  # a line was lost: what comes next begins a new one
    _begun: bool = field(default=False)  # what was written last is no whole line

    def append(self, data: bytes, *, system: bool = False) -> None:
        """Write *data* at the end, or lose it; what is no word of ours ends at the cap."""
        cap = self.order.cap
        if cap is not None and not system:
            if self.full:
                return
            if self._size + len(data) > cap:
                data, self.full = _whole_lines(data[: max(0, cap - self._size)]), True
                self._torn = self._begun and not data
        try:
            self._ready(len(data))
            self._write(data)
        except OSError:  # what the run does matters more than what is told of it
            self._torn = True

    def _ready(self, more: int) -> None:
        if self._handle < 0:
            self._open()
        if self.order.rolled:
            self._size = os.fstat(self._handle).st_size  # others may write to it as well
            if self._size and self._size + more > self.order.roll_at:
                self._roll()

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._handle = open_file(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._size = os.fstat(self._handle).st_size
        # Whoever wrote the last line may have died in the middle of it.
        self._torn = self._size > 0 and os.pread(self._handle, 1, self._size - 1) != b"\n"

    def _roll(self) -> None:
        """Give the files the names of older ones, unless another process just has."""
        handle, self._handle = self._handle, -1
        same = os.fstat(handle).st_ino == _inode(self.path)
        os.close(handle)
        if same:
            names = [self.path, *self.order.rolled]
            for newer, older in reversed([*pairwise(names)]):
                with suppress(FileNotFoundError):
                    os.replace(newer, older)
        self._open()

    def _write(self, data: bytes) -> None:
        if self._torn:
            data = _END + data
        self._torn = os.write(self._handle, data) != len(data)
        self._begun = data[-1:] != b"\n"
        self._size += len(data)

    def close(self) -> None:
        handle, self._handle = self._handle, -1
        with suppress(OSError):  # it may be now that a remote disk tells that it is full
            if handle >= 0:
                os.close(handle)


def _whole_lines(data: bytes) -> bytes:
    end = data.rfind(_END)
    return data[: end + len(_END)] if end >= 0 else b""


def _inode(path: str) -> int | None:
    with suppress(OSError):
        return os.stat(path).st_ino
    return None
