"""The oracle for kill tests: what really ran, written by the jobs themselves, against the rows.

Each start and each end of a script is one O_APPEND write to a file outside the data folder, so
that no crash of ours can touch it. ``check`` then compares file, database and API: nothing
doubled, nothing lost, every exit code as it was.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.server import Server

_SCRIPT = """\
#!/bin/sh
# One write each: a line of printf to an appended file.
printf 'start %s %s %s\\n' "$JOBSCHED_RUN_ID" "$JOBSCHED_ATTEMPT" "$$" >> {path}
{work}
printf 'end %s %s %s\\n' "$JOBSCHED_RUN_ID" "$JOBSCHED_ATTEMPT" {code} >> {path}
exit {code}
"""
_EXITED = {"succeeded", "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: *kind* is start or end, *fact* the process's pid or the exit code."""

    kind: str
    run: int
    attempt: int
    fact: int


class Ledger:
    """The file at *path*, its scripts and its verdict."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def script(self, work: str = ":", code: int = 0) -> str:
        """Return a script that does *work* (shell) between its two lines and exits with *code*."""
        return _SCRIPT.format(path=self.path, work=work, code=code)

    def entries(self) -> Iterator[Entry]:
        """Yield what was written so far."""
        for line in self.path.read_text(encoding="ascii").splitlines():
            kind, run, attempt, fact = line.split()
            yield Entry(kind=kind, run=int(run), attempt=int(attempt), fact=int(fact))

    def started(self) -> Counter[int]:
        """Return how often each run began."""
        return Counter(entry.run for entry in self.entries() if entry.kind == "start")

    def check(self, server: Server) -> list[str]:
        """Return every way in which the rows differ from what really ran; nothing is good.

        All runs must be done, and none of them pruned yet (set HISTORY high enough).
        """
        runs = {run["id"]: run for run in server.runs()}
        started = self.started()
        ends = {entry.run: entry.fact for entry in self.entries() if entry.kind == "end"}
        faults: list[str] = [
            f"run {run} ran {times} times" for run, times in started.items() if times > 1
        ]
        faults += [f"run {run} ran but has no row" for run in started if run not in runs]
        for run in runs.values():
            faults += _faults_of_run(run, started[run["id"]], ends.get(run["id"]))
        return [*faults, *_faults_of_rows(server, runs), *_faults_of_occurrences(server, runs)]


def _faults_of_run(run: dict[str, Any], starts: int, end: int | None) -> Iterator[str]:
    name = f"run {run['id']} ({run['outcome']})"
    if run["state"] != "done":
        yield f"{name} is still {run['state']}"
    elif run["outcome"] in _EXITED:
        if starts != 1:
            yield f"{name} began {starts} times"
        if run["ended_by"] == "exit" and run["signal"] is None and run["exit_code"] != end:
            yield f"{name} has exit code {run['exit_code']}, really {end}"
    elif run["outcome"] == "not_started" and starts:
        yield f"{name} did start"


def _faults_of_rows(server: Server, runs: dict[int, dict[str, Any]]) -> Iterator[str]:
    """Compare API and database, where the latter is SQLite."""
    address = f"file:{server.data / 'jobsched.db'}?mode=ro"
    connection = sqlite3.connect(address, uri=True)
    try:
        rows = connection.execute("SELECT id, state, exit_code, ended_by FROM runs").fetchall()
    finally:
        connection.close()
    for run_id, *facts in rows:
        shown = runs.get(run_id)
        if shown is None:
            yield f"run {run_id} is not in the list"
        elif facts != [shown["state"], shown["exit_code"], shown["ended_by"]]:
            yield f"run {run_id} is {facts} in the database, {shown} in the list"


def _faults_of_occurrences(server: Server, runs: dict[int, dict[str, Any]]) -> Iterator[str]:
    until = quote(datetime.now(UTC).isoformat())
    for job in server.get("/jobs").json()["values"]:
        url: str | None = f"/jobs/{job['id']}/occurrences?limit=1000&to={until}"
        seen: Counter[str] = Counter()
        while url:
            answer = server.get(url).json()
            url = answer.get("next")
            for row in answer["values"]:
                seen[row["due_at"]] += 1
                if row["outcome"] in {"ran", "late"} and row["run"] not in runs:
                    yield f"{job['name']} at {row['due_at']} ran, but run {row['run']} is gone"
        yield from (f"{job['name']} has {due} {n} times" for due, n in seen.items() if n > 1)
