"""What a Python task is told about its run, and how it reports what it did.

Standard library only: it lives in the task process.
"""

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jobsched.execution.task import reporting

Tell = Callable[[dict[str, object]], None]
_MOST = 2**31 - 1  # of a count
_PAUSE = 0.1  # seconds between two reports: one count per record must not flood the runner


class Reports:
    """The totals of one run so far; told as they change, ten times a second at the most.

    Each failed record goes into the file *path* as well, at once: what was reported survives a
    kill. Processes that the task forks have that file alone.
    """

    def __init__(self, tell: Tell, path: str | None = None) -> None:
        self._tell = tell
        self._path = path
        self._report = -1
        self._totals: dict[str, int] = {"success": 0, "error": 0, "ignore": 0}
        self._progress: dict[str, object] = {"fraction": None, "text": None}
        self._lock = threading.Lock()
        self._told = 0.0
        self._untold = False
        self._pid = os.getpid()

    def count(self, kind: str, number: int) -> None:
        """Add *number* records to ``success``, ``error`` or ``ignore``."""
        if os.getpid() != self._pid:
            self._append({"status": kind, "count": min(number, _MOST)})
            return
        with self._lock:
            self._totals[kind] = min(self._totals[kind] + number, _MOST)
            self._changed()

    def name(self, entry: Mapping[str, Any]) -> None:
        """Count one record that the report names: ``status`` and what else there is to say.

        Raises: TypeError or ValueError if it cannot be written as JSON, or is too long.
        """
        mine = os.getpid() == self._pid
        self._append({**entry, "told": 1} if mine else entry)
        if mine:
            self.count(entry["status"], 1)

    def progress(self, fraction: float, text: str | None) -> None:
        """Set how far the run is."""
        with self._lock:
            self._progress = {"fraction": fraction, "text": text}
            self._changed()

    def complete(self) -> None:
        """Tell what has not been told yet."""
        with self._lock:
            if self._untold:
                self._send()
        if self._report >= 0:
            os.close(self._report)
            self._report = -1

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = reporting.line_of(entry)
        if self._path is None:
            return
        try:
            if self._report < 0:
                self._report = reporting.open_report(self._path)
            reporting.write(self._report, line)
        except OSError as error:  # it is counted all the same
            why = error.strerror or error
            print(f"the record could not be kept: {why}", file=sys.stderr)  # noqa: T201

    def _changed(self) -> None:
        self._untold = True
        if time.monotonic() - self._told >= _PAUSE:
            self._send()

    def _send(self) -> None:
        if os.getpid() != self._pid:
            return  # a process that the task forked: its totals are not the run's
        self._told = time.monotonic()
        self._untold = False
        self._tell({"op": "report", **self._totals, **self._progress})


class Info(tuple[str | None, float]):
    """The one argument of a task's ``__call__``; it unpacks as ``(job_id, timeout)``.

    ``timeout`` is JOB_LIVETIME in seconds; ``attempt`` counts retries from 1; ``params`` are
    those of the job or the request; ``records`` is the data of those that failed in an earlier
    run, to try again, with their numbers beside it in ``record_ids``. Both are empty when there
    are none: then everything is to be done.
    """

    def __new__(cls, facts: Mapping[str, Any], reports: Reports) -> "Info":
        """Make one from the *facts* of a ``call`` message."""
        timeout = facts.get("timeout") or 0
        # As the settings file has it: JOB_LIVETIME = 60 is 60, not 60.0.
        whole = int(timeout) if timeout == int(timeout) else timeout
        return super().__new__(cls, (facts.get("job_id"), whole))

    def __init__(self, facts: Mapping[str, Any], reports: Reports) -> None:
        self.run_id: int | None = facts.get("run_id")
        self.attempt: int = facts.get("attempt") or 1
        self.params: dict[str, Any] = dict(facts.get("params") or {})
        self._records: str | None = facts.get("records")  # a file
        self._due_at: str | None = facts.get("due_at")
        self._reports = reports

    @property
    def job_id(self) -> str | None:
        """The job's uuid; None for a run without a job."""
        return self[0]

    @property
    def timeout(self) -> float:
        """JOB_LIVETIME in seconds, whatever the watchdog says."""
        return self[1]

    @property
    def due_at(self) -> datetime | None:
        """The planned moment of this run, aware; None if it was asked for."""
        return datetime.fromisoformat(self._due_at) if self._due_at else None

    @functools.cached_property
    def records(self) -> list[Any]:
        """The data of the records to try again, any JSON values."""
        return [data for _, data in self._given]

    @functools.cached_property
    def record_ids(self) -> list[int]:
        """The numbers of ``records``, in the same order."""
        return [number for number, _ in self._given]

    def success(self, number: int = 1, *, record: int | None = None) -> None:
        """Count *number* records as done; *record* is one of ``record_ids``.

        Raises: ValueError if it is negative.
        """
        if record is None:
            self._reports.count("success", _whole(number))
        else:
            self._reports.name({"status": "success", "retry_id": _whole(record)})

    def ignore(self, number: int = 1) -> None:
        """Count *number* records as passed over. Raises: ValueError if it is negative."""
        self._reports.count("ignore", _whole(number))

    def error(
        self,
        message: str,
        data: object = None,
        *,
        code: str | None = None,
        record: int | None = None,
    ) -> None:
        """Count one record as failed, for *message*; a retry will get its *data* (JSON).

        *code* is a short word for the kind of error, *record* one of ``record_ids`` that has
        failed again; without it, equal *data* tells which one is meant. It is shown on stderr.

        Raises: TypeError or ValueError if *data* cannot be written as JSON, or is too long.
        """
        shown = "" if data is None else " " + json.dumps(data, ensure_ascii=False)
        entry = {
            "status": "error",
            "message": str(message),
            "data": data,
            "code": None if code is None else str(code),
            "retry_id": None if record is None else _whole(record),
        }
        self._reports.name(entry)
        print(f"record failed: {message}{shown}", file=sys.stderr)  # noqa: T201 - the run's output

    def progress(self, fraction: float, text: str | None = None) -> None:
        """Say how far the run is, from 0 to 1, and in words. Raises: ValueError if outside."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress goes from 0 to 1, not {fraction}")
        self._reports.progress(float(fraction), None if text is None else str(text))

    @functools.cached_property
    def _given(self) -> list[tuple[int, Any]]:
        if self._records is None:
            return []
        with open(self._records, encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        return [(line["retry_id"], line["data"]) for line in lines]

    def __repr__(self) -> str:
        return f"Info(job_id={self.job_id!r}, timeout={self.timeout!r}, run_id={self.run_id!r})"


def _whole(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"a count of records is a whole number, 0 or more, not {number!r}")
    return number
