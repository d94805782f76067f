"""Ending what a dead runner has left: the sessions and cookies of its journal, until none lives.

Used by the supervisor after a runner's death, when nothing is below a subreaper any more. A pid
counts only with the start time that the journal recorded; whatever carries a run's cookie in its
environment is found wherever it was re-parented. A process that left its session and cleared its
environment cannot be found by this.
"""

import os
import time
from collections.abc import Iterable, Mapping

from jobsched.execution import processes
from jobsched.execution.journal import Contents, Entry, Worker
from jobsched.execution.processes import Process

LAYERS = "session and cookie"  # how the tree of a run is found, as shown to users
_PATIENCE = 5.0  # seconds for killed processes to be gone
_AGAIN = 0.01


def sweep(contents: Contents) -> list[int]:
    """Kill whatever lives of the runs and workers in a dead runner's journal; return the pids.

    Runs that may be left alone (``detach``) and runs that have ended are not touched.
    """
    lost = [entry for entry in contents.entries.values() if entry.open and not entry.detach]
    return sweep_traces([*lost, *contents.workers])


def sweep_traces(traces: Iterable[Entry | Worker]) -> list[int]:
    """Kill whatever lives of *traces*, and wait until it is gone; return the pids."""
    leaders = {one.pid: one.start_time for one in traces if one.pid and one.start_time}
    cookies = {one.cookie for one in traces}
    killed: set[int] = set()
    deadline = time.monotonic() + _PATIENCE
    while True:
        killed |= processes.kill_all(lambda: _found(leaders, cookies))
        if not _found(leaders, cookies) or time.monotonic() > deadline:
            return sorted(killed)
        time.sleep(_AGAIN)


def _found(leaders: Mapping[int, int | None], cookies: set[str]) -> list[Process]:
    everyone = processes.all_processes()
    del everyone[os.getpid()]
    sessions = {
        pid
        for pid, start in leaders.items()
        if pid in everyone and everyone[pid].start_time == start
    }
    return [
        one
        for one in everyone.values()
        if not one.gone and (one.session in sessions or processes.cookie_of(one.pid) in cookies)
    ]
