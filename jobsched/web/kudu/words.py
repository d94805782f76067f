"""Kudu's words for what is the case: one table for runs, one for continuous jobs.

Sources: spec/seeds.md 3.1, spec/webjobs.md section 2. The words are never stored.
"""

from collections.abc import Mapping, Sequence

from jobsched.model import EndedBy, Run, RunState, ServiceState

_LIVING: Mapping[RunState, str] = {
    RunState.QUEUED: "Initializing",
    RunState.STARTING: "Initializing",
    RunState.RUNNING: "Running",
    RunState.STOPPING: "Running",
}
LIVING = frozenset(_LIVING.values())
_ENDED: Mapping[tuple[EndedBy, bool], str] = {
    (EndedBy.EXIT, True): "Success",
    (EndedBy.EXIT, False): "Failed",
    (EndedBy.NOT_STARTED, False): "Failed",
}  # whatever else ended it: Aborted
_SERVICES: Mapping[ServiceState, str] = {
    ServiceState.STARTING: "Starting",
    ServiceState.RUNNING: "Running",
    ServiceState.WAITING: "PendingRestart",
    ServiceState.INACTIVE: "InactiveInstance",
    ServiceState.STOPPING: "Stopping",
    ServiceState.STOPPED: "Stopped",
}


def of_run(run: Run) -> str:
    """Return the status of a run of a triggered job."""
    if run.ended_by is None:
        return _LIVING.get(run.state, "Aborted")
    return _ENDED.get((run.ended_by, run.exit_code == 0), "Aborted")


def of_instance(state: ServiceState) -> str:
    """Return the status of a continuous job on one machine."""
    return _SERVICES[state]


def of_continuous(states: Sequence[ServiceState], *, wanted: bool) -> str:
    """Return the status of a continuous job that is in *states* on its machines.

    The last one counts that is not merely waiting for its turn (Kudu). A job that is *wanted*, but
    that no machine has looked at since, is about to start.
    """
    active: Sequence[ServiceState] = [one for one in states if one is not ServiceState.INACTIVE]
    last = (active or states or (ServiceState.STOPPED,))[-1]
    if last is ServiceState.STOPPED and wanted:
        return "Initializing"
    return of_instance(last)
